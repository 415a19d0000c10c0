"""A panel of memory cells: every cell with every write scheme on every stream, side by side."""
