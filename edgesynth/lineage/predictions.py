"""Predictions: what the ancestor and the best individual answer to a few test images, kept to be looked at."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgesynth.errors import UserError
from edgesynth.lineage.files import write_bytes

FILE = "predictions.npz"
_ARRAYS = ("images", "labels", "ancestor", "offspring")


@dataclass(frozen=True)
class Predictions:
    """Answers of two individuals to the same images.

    Attributes:
        individuals: names of the ancestor and the offspring.
        form: what the answers are; see `Task.decoding`.
        images: (K, H, W, C) uint8, as they were before they were normalised.
        labels: (K, ...), as the task has them.
        ancestor: (K, ...) float32, outputs of the ancestor.
        offspring: the offspring's.
        decoding: how they are to be read; empty where a run of an older edgesynth kept none.
    """

    individuals: tuple[str, str]
    form: str
    images: np.ndarray
    labels: np.ndarray
    ancestor: np.ndarray
    offspring: np.ndarray
    decoding: dict[str, Any] = field(default_factory=dict)

    def write(self, run: Path) -> None:
        """Keep them in a run directory."""
        stream = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        individuals, form = np.array(self.individuals), np.array(self.form)
        decoding = np.array(json.dumps(self.decoding))
        np.savez_compressed(stream, individuals=individuals, form=form, decoding=decoding, **arrays)
        write_bytes(run / FILE, stream.getvalue())

    @classmethod
    def read(cls, run: Path) -> Predictions | None:
        """Those of a run directory; None where there are none.

        Raises:
            UserError: the file is damaged.
        """
        if not (run / FILE).is_file():
            return None
        try:
            with np.load(run / FILE, allow_pickle=False) as arrays:
                first, second = (str(name) for name in arrays["individuals"])
                images, labels, ancestor, offspring = (arrays[name] for name in _ARRAYS)
                decoding = json.loads(str(arrays["decoding"])) if "decoding" in arrays else {}
                return cls((first, second), str(arrays["form"]), images, labels, ancestor, offspring, decoding)
        except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
            why = f"{type(error).__name__}: {error}"
            raise UserError(
                f"{run / FILE} cannot be read ({why}); delete it: edgesynth evolve --resume writes it again"
            ) from None
