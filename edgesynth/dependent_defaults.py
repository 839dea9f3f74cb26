"""Defaults of options of a run that depend on its other options.

Who asks for a latency wants the best network of that latency. Where the machine is known, an integer program over the
times of its layers chooses one; strength alone does not know where a width lands. It chooses the depth too: a removed
branch is proven as every cut is. A resumed run keeps what it was begun with.
"""

from collections.abc import Mapping
from typing import Any

# Options that are budgets of a machine; a test holds them to be all of them.
MACHINE_BUDGETS = ("max_latency_ms", "max_latency", "speedup", "min_images_per_joule")
# For the help, of those that `dependent_defaults` chooses.
IN_WORDS = {
    "allocation": "shape with a budget of latency or energy and a --board, else strength",
    "branches": "True with --allocation shape",
    "round_to": "auto",
}


def dependent_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of options of `IN_WORDS` that are not given; those that keep their field's default are left out.

    Args:
        given: {option: value}, of those that are given.
    """
    allocation = given.get("allocation")
    if allocation is None and _has_timed_budget(given) and _draws_clusters(given):
        allocation = "shape"
    if allocation != "shape":
        return {}
    chosen: dict[str, Any] = {"allocation": "shape"}
    if _is_heredity(given):
        chosen.update(branches=True, round_to="auto")
    return {name: value for name, value in chosen.items() if name not in given}


def _has_timed_budget(given: Mapping[str, Any]) -> bool:
    """Whether a machine whose times are known has a budget, or is to run as fast as can be."""
    budget = given.get("objective") == "latency" or any(given.get(name) is not None for name in MACHINE_BUDGETS)
    return budget and given.get("board") is not None


def _draws_clusters(given: Mapping[str, Any]) -> bool:
    """Whether clusters are drawn in a way that an integer program can guide."""
    return (
        _is_heredity(given)
        and given.get("encoding", "cluster") == "cluster"
        and given.get("environment", "calibrated") == "calibrated"
        and given.get("keep_clusters") != 1
    )


def _is_heredity(given: Mapping[str, Any]) -> bool:
    return bool(given.get("strategy", "heredity") == "heredity")
