"""The operating system: processes and their deaths, full disks, the environment, fail points of tests."""
