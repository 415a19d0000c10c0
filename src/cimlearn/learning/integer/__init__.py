"""Learning in whole numbers: int8 tensors, layers, exact products, rounding, updates."""
