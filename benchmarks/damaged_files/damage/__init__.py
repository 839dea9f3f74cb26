"""Mutations of files: each takes a file's bytes and a source of random draws, and gives other bytes or a stand-in.

`kinds_of(path)` lists those that fit a file by its format. What is drawn depends on the `random.Random` alone, so a
seed gives the same damage again.
"""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.damaged_files.damage.any_file import ANY, OTHER
from benchmarks.damaged_files.damage.arrays import NPZ, PTH, SAFETENSORS
from benchmarks.damaged_files.damage.mutation import Mutation
from benchmarks.damaged_files.damage.onnx_file import ONNX
from benchmarks.damaged_files.damage.text import JSON, TOML

__all__ = ["OTHER", "draw_kind", "kinds_of"]

OWN = {".json": JSON, ".toml": TOML, ".npz": NPZ, ".safetensors": SAFETENSORS, ".pth": PTH, ".onnx": ONNX}


def kinds_of(path: Path) -> dict[str, Mutation]:
    """{name: mutation} of all that fit a file."""
    return {**ANY, **OWN.get(path.suffix, {})}


def draw_kind(path: Path, draws: random.Random) -> str:
    """The name of one of them: of a file's own format more often, for there is more to damage."""
    own = OWN.get(path.suffix)
    return draws.choice(sorted(own if own and draws.random() < 0.6 else ANY))
