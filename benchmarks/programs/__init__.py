"""Programs that the simulator is measured against."""
