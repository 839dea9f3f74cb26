"""Removal of dead clusters: the plan, the cut tensors and the attributes that state their sizes."""
