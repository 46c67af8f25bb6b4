"""What a worker process imports: the plan, the loop that serves tasks, and what it reports."""
