"""Tags, notes and removals: what users say about results."""
