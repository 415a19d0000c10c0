"""What analog crossbars cost: energy, area, latency and a digital twin from counts and prices."""
