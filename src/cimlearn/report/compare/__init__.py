"""The page of many runs, and the tables and plots on it."""
