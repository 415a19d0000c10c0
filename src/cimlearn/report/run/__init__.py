"""The page of one run, a file for each of its sections."""
