"""Many cells with their periphery: a matrix-vector product, writes, and counts of both. Never energy."""
