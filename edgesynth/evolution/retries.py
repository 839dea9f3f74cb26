"""Patience: a generation that fell below the floor is drawn again from the same parents, each time milder.

Children go on counting over the attempts, so that each has draws and a name of its own: of 3 offspring, attempt 0
draws children 0 to 2 and attempt 1 children 3 to 5.
"""

from __future__ import annotations

from edgesynth.lineage import Config


def children(config: Config, attempt: int) -> range:
    """Numbers of the children that an attempt draws."""
    return range(attempt * config.offspring, (attempt + 1) * config.offspring)


def attempt_of(config: Config, child: int) -> int:
    """The attempt in which a child is drawn, 0 for the first."""
    return child // config.offspring


def milder(config: Config, attempt: int) -> Config:
    """The configuration of an attempt: what each level gives up is halved with every failure before."""
    if not attempt:
        return config
    clusters = config.keep_clusters
    if clusters is None:
        clusters = config.keep if config.environment == "faithful" else config.keep**0.5
    return config.model_copy(
        update={"keep": _milder(config.keep, attempt), "keep_clusters": _milder(clusters, attempt)}
    )


def _milder(keep: float, attempt: int) -> float:
    return 1 - (1 - keep) / 2**attempt
