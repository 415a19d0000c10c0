"""A run folder: its files, and what a reader may know of it."""
