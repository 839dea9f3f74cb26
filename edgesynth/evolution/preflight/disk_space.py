"""Room on the disk: what a run will write is estimated, and refused before anything is trained where it cannot fit."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from edgesynth.anatomy import Anatomy
from edgesynth.errors import UserError
from edgesynth.lineage import Config

MASK_BYTES = 1 / 6  # of a synapse: a bit, as base64
OTHER_BYTES = 8 << 20  # sample predictions, the report, facts


def needed_bytes(config: Config, anatomy: Anatomy, generations: int | None = None) -> int:
    """Bytes that a run is expected to write.

    An offspring is as large as `--keep` lets it become, in all generations; by single synapses alone no tensor shrinks.

    Args:
        config: the run's.
        anatomy: of its ancestor.
        generations: as many of them; all, if not given.
    """
    whole = sum(tensor.nbytes for tensor in anatomy.model.state_dict().values())
    ancestors = 1 + int(config.rewinds) + int(config.weights is not None)
    shrinking = config.strategy == "generative" or config.encoding == "cluster"
    masks = (
        0
        if config.strategy == "generative"
        else MASK_BYTES * sum(math.prod(anatomy.shapes[name]) for name in anatomy.weights())
    )
    count = config.generations if generations is None else generations
    offspring = 1 if config.strategy == "generative" else config.offspring
    sizes = (whole * (config.keep**generation if shrinking else 1) + masks for generation in range(1, count + 1))
    return int(whole * ancestors + offspring * sum(sizes) + OTHER_BYTES)


def check_room(path: Path, config: Config, anatomy: Anatomy) -> None:
    """Refuse a run that its disk cannot hold.

    Raises:
        UserError: less is free than it is expected to write.
    """
    nearest = next(parent for parent in (path, *path.absolute().parents) if parent.is_dir())
    free, needed = shutil.disk_usage(nearest).free, needed_bytes(config, anatomy)
    if needed > free:
        raise UserError(
            f"{path} will take about {_size(needed)} (its ancestor and {config.generations} generations), and "
            f"{_size(free)} are free on its disk; free some, give --run on another disk, or breed less with lower "
            "--generations or --offspring"
        )


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"
