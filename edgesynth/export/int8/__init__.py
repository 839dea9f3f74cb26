"""INT8 in Q/DQ nodes: dialects, calibration by accuracy, and what stays in floating point."""
