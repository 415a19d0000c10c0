"""The physics of one memory cell: window, programming, read, wear. A device never knows a network."""
