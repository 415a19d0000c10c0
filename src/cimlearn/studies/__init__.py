"""Many runs that a user describes: grids, random draws, Monte Carlo, searches; their workers and results."""
