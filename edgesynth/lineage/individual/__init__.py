"""Individuals: genome, record, measured figures, and which of them are on the Pareto front."""
