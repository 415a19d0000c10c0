"""Figures and claims of the M2RU paper beside our runs, one file for each figure or table."""
