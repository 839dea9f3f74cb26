"""Profiles: the time of each layer as an engine tells it, joined with the network's layers and cluster groups."""
