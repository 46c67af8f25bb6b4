"""What is kept and shown of a run: the store's one writer, monitor, bar, logs, and what a resume reads."""
