"""One run: its description, its loop over tasks, checkpoints, records, and its price without training."""
