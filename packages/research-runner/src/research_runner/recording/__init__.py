"""What a run writes and shows: storage, monitor, bar, logs, and what a resume reads."""
