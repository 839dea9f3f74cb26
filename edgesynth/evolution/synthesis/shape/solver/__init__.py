"""The problem as plain data, and its solution by an integer program or by descent."""
