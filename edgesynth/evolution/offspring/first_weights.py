"""The weights that an ancestor begins with: of a file, or of a network that was handed over; its run keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from edgesynth.ancestors import Weights, fit_weights, read_weights
from edgesynth.errors import UserError
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.lineage import ANCESTOR, GIVEN, Config, Run, Species, state_sha256

NetworkState = Mapping[str, Tensor]


def handed_over_file(path: Path) -> Path:
    """Where a run directory keeps the weights of a network that was handed over."""
    return path / GIVEN.name


def first_weights(config: Config, species: Species, path: Path, given: NetworkState | None = None) -> Weights | None:
    """What the ancestor of a run begins with; None where its weights are drawn.

    Args:
        config: the run's.
        species: its ancestor's network.
        path: the run directory.
        given: state of the network that was handed over, if that is at hand; else it is read from the run.

    Raises:
        UserError: it cannot be had, or does not fit.
    """
    if config.weights is None:
        return None
    if config.weights != GIVEN:
        return read_weights(config.weights, species.model, config.ancestor)
    if given is None:
        return read_weights(handed_over_file(path), species.model, config.ancestor)
    return fit_weights(dict(given), species.model, config.ancestor, "the network that was given")


def begin_with_weights(breeder: Breeder, path: Path, given: NetworkState | None = None) -> list[str]:
    """Make a breeder ready for the ancestor: it is given the weights to begin with, where the configuration names some.

    Args:
        breeder: of the run.
        path: the run directory.
        given: see `first_weights`.

    Returns:
        What is to be reported of them.

    Raises:
        UserError: they cannot be had, do not fit, or leave a part untrained that no epoch would train.
    """
    weights = first_weights(breeder.config, breeder.species, path, given)
    if weights is None:
        return []
    if weights.untrained and not breeder.config.ancestor_epochs:
        raise UserError(
            f"{weights.note}; --ancestor-epochs is 0, which would leave it so: give some, or other --weights"
        )
    breeder.weights = weights.state
    return [weights.note] if weights.note else []


def check_first_weights(run: Run, weights: Weights) -> None:
    """Refuse weights with which the ancestor of a run did not begin.

    Raises:
        UserError: they are others.
    """
    if run.record(ANCESTOR).synthesis.get("weights_sha256") != state_sha256(weights.state):
        raise UserError(
            f"--weights holds other weights than those that the ancestor of {run.path} began with; give these, or "
            "leave --weights out, or breed anew with another --run"
        )
