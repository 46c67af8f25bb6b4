"""What runs where, decided by plain state: tasks go in, commands come out; no process is known here."""
