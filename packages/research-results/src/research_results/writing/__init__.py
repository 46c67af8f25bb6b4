"""Writing to a research, in a folder or in memory: one thread of one process at a time."""
