"""Memory: what a cycle leaves to the next, kept in the folder of the cycle's individual.

With the parent's files it is all that the next cycle is a function of, besides configuration and place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import safetensors.torch
import torch

from edgesynth.anatomy import Anatomy
from edgesynth.evolution.generative.inquisitor import Inquisitor
from edgesynth.evolution.synthesis.masks import UnitValues
from edgesynth.lineage import Run

GENERATOR, INQUISITOR = "generator.safetensors", "inquisitor.json"


@dataclass(frozen=True)
class Memory:
    """State of generator and inquisitor.

    Attributes:
        logits: theta_G, {group: (size,) float64}.
        pull: what the networks of that generator say should change in it.
        step: by how much pressure is to rise next.
        inquisitor: what it has seen.
    """

    logits: UnitValues
    pull: UnitValues
    step: float
    inquisitor: Inquisitor

    @classmethod
    def first(cls, anatomy: Anatomy, step: float) -> Memory:
        """Before the first cycle: all units alike, nothing seen."""
        zeros = {group.name: torch.zeros(group.size, dtype=torch.float64) for group in anatomy.removable}
        return cls(zeros, zeros, step, Inquisitor(tuple(zeros)))

    def files(self) -> dict[str, bytes]:
        """{name of a file: its content}; exact."""
        parts = {"logits": self.logits, "pull": self.pull}
        tensors = {f"{part}.{name}": tensor.clone() for part, units in parts.items() for name, tensor in units.items()}
        tensors["step"] = torch.tensor(self.step, dtype=torch.float64)
        return {
            GENERATOR: safetensors.torch.save(tensors),
            INQUISITOR: (json.dumps(self.inquisitor.to_json(), indent=1) + "\n").encode(),
        }

    @classmethod
    def read(cls, run: Run, name: str) -> Memory:
        """The memory that an individual of a run has left.

        Raises:
            UserError: a file is missing or not as it was written.
        """
        tensors = safetensors.torch.load(run.content(name, GENERATOR))
        seen = run.content(name, INQUISITOR)
        parts: dict[str, UnitValues] = {"logits": {}, "pull": {}}
        for key, tensor in tensors.items():
            part, _, group = key.partition(".")
            if part in parts:
                parts[part][group] = tensor
        return cls(parts["logits"], parts["pull"], tensors["step"].item(), Inquisitor.from_json(json.loads(seen)))
