"""What a controller does between a proposed change of a weight and pulses on its cells."""
