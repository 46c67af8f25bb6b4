"""What runs inside a worker: the plan, the loop that serves tasks, reports, and the capture of output."""
