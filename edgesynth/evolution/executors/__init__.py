"""Executors: where the offspring of a generation are nurtured, never how.

An individual is the same wherever it is bred. An executor is handed births and gives individuals back, in whatever
order they are finished; who asked for them writes them down. So no worker needs the run directory, nor the file of
`--weights`. Data that are read from disk (`edgesynth.tasks.images.stored`) travel as paths alone: they must lie at
the same path on every machine of a cluster.
"""

from __future__ import annotations

from edgesynth.defaults import GPUS_PER_OFFSPRING
from edgesynth.errors import UserError
from edgesynth.evolution.executors.birth import Birth, Bred, Executor
from edgesynth.evolution.executors.in_process import InProcess
from edgesynth.evolution.executors.ray import OnRay

EXECUTORS = ("process", "ray")

__all__ = ["EXECUTORS", "Birth", "Bred", "Executor", "InProcess", "OnRay", "build_executor"]


def build_executor(
    name: str, ray_address: str | None = None, gpus_per_offspring: float = GPUS_PER_OFFSPRING
) -> Executor:
    """Build an executor by name.

    Args:
        name: one of `EXECUTORS`.
        ray_address: Ray cluster to use; None starts Ray on this machine for the time of the run.
        gpus_per_offspring: share of a GPU that each offspring reserves on Ray.

    Raises:
        UserError: there is no executor of that name, or it has no use for what was given.
    """
    if name not in EXECUTORS:
        raise UserError(f"--executor is {name}; it must be {' or '.join(EXECUTORS)}")
    if name == "ray":
        return OnRay(ray_address, gpus_per_offspring)
    if ray_address is not None or gpus_per_offspring:
        given = "--ray-address" if ray_address is not None else "--gpus-per-offspring"
        raise UserError(f"{given} speaks of Ray and the executor is {name}; add --executor ray, or leave it out")
    return InProcess()
