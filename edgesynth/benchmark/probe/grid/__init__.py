"""The grid: layers of a model at widths of input and output, and what lies beside them, measured as in a network."""
