"""Figures and claims of the SAS-MRAM paper beside our runs, one file for each figure or table."""
