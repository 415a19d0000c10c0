"""What bit-serial sub-arrays cost: energy, area, time and wear from counts and prices."""
