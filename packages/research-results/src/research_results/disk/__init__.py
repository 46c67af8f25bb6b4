"""A research on disk: tables, large values, research.json, outputs, the lock, and what they are called."""
