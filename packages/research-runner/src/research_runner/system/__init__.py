"""What the operating system tells: processes, how they ended, full disks; and fail points for tests."""
