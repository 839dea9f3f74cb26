"""Weights that a network starts from: files, torchvision, heads that differ, and what of them does not fit."""
