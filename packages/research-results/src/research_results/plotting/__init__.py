"""Pictures of a study; drawing needs matplotlib."""
