"""From measured conductance against pulses to a pulsed cell: read tables, fit laws, choose one, draw, write."""
