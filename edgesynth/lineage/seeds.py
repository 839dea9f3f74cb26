"""Random draws that depend on nothing but the run's seed, the individual's place and what the draw is for."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, generation: int, child: int, purpose: str) -> torch.Generator:
    """A generator of its own for each purpose: the order of draws elsewhere, or the process, cannot change it."""
    digest = hashlib.sha256(f"{seed}/{generation}/{child}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
