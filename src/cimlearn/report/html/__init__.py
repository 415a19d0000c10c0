"""What every page is made of: its shell, markup, charts, styles and scripts."""
