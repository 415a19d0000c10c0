"""Arrays as SPICE netlists: cells, wires, drivers, references and integrators, for a circuit simulator to check."""
