"""Rules that propose changes of weights. They know networks and arrays' shapes, never volts."""
