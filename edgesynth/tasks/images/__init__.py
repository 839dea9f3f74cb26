"""Pixels: decoded, stored, augmented, normalized."""
