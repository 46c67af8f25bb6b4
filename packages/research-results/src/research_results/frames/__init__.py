"""DataFrames of results: their columns and layout, the methods that make them, and export to files."""
