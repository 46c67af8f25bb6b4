"""Learning curves; drawing needs matplotlib."""
