"""Data sets: which are known, where they are found, how they are fetched and read."""
