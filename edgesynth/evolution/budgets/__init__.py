"""Budgets: what a network has of everything that can be limited, and how the generations approach it."""
