"""`--speedup`: a budget of latency as a share of the ancestor's."""

from __future__ import annotations

import math

from edgesynth.errors import UserError
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.lineage import Config, Species

SAME = 1e-9


def with_speedup(config: Config, kind: Species, times: LayerTimes | None) -> tuple[Config, str]:
    """The configuration with its budget of latency in milliseconds, and what is to be reported of it.

    Args:
        config: of the run.
        kind: its ancestor.
        times: of this machine's layers, where the run aims at it.

    Raises:
        UserError: nothing predicts the ancestor's latency, or another budget of latency is given too.
    """
    if config.speedup is None:
        return config, ""
    machine = Machine(config, kind.anatomy, kind.other_kernels, times=times)
    prediction = machine.predict(kind.anatomy.census())
    if prediction is None:
        raise UserError(
            f"--speedup is {config.speedup:g} and nothing predicts the latency of {config.ancestor}; add --board local "
            "(this machine) or --board NAME, such as tx2, or give --max-latency-ms instead"
        )
    most = prediction.latency_ms / config.speedup
    if config.max_latency_ms is not None and not math.isclose(config.max_latency_ms, most, rel_tol=SAME):
        raise UserError(
            f"--speedup {config.speedup:g} means {most:.3g} ms of {prediction.latency_ms:.3g} ms, and --max-latency-ms "
            f"is {config.max_latency_ms:g}; give one of them"
        )
    note = (
        f"{config.ancestor} takes {prediction.latency_ms:.3g} ms on {prediction.board}, as predicted: --speedup "
        f"{config.speedup:g} is a budget of {most:.3g} ms"
    )
    return config.model_copy(update={"max_latency_ms": most}), note
