"""The processor that a run was begun on, where its widths depend on it."""

from __future__ import annotations

from edgesynth.benchmark.conditions.vector_width import vector_floats
from edgesynth.config import AUTO, Config
from edgesynth.lineage.board import THIS_MACHINE


def with_vector_floats(config: Config) -> Config:
    """The configuration with the vectors of this processor, where widths go by them and it does not have them already.

    They do with `--round-to auto`, if there is no board and nothing is measured on another machine.
    """
    by_processor = config.allocation == "shape" and config.round_to == AUTO and config.board is None
    if not by_processor or config.measure_on not in (None, THIS_MACHINE) or config.vector_floats is not None:
        return config
    return config.model_copy(update={"vector_floats": vector_floats()})
