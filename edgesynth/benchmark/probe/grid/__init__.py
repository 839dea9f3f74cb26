"""The grid: times of a model's layers at several widths, and of the operators beside them, measured as in a network."""
