"""Ops that multiply channels by weights or by each other, and sum."""
