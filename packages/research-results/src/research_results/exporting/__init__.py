"""Results to files of other programs: one module for each format, found by the suffix of the file."""
