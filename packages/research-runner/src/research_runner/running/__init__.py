"""One run of a research, from its settings to a finished storage."""
