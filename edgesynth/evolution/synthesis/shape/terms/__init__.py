"""The problem of a network: its widths, what they are worth, and what they cost."""
