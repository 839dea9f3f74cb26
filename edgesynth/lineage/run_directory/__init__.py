"""The run directory: its individuals, what follows from them, its data and its name."""
