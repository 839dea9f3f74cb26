"""`--speedup` and `--max-latency`: a budget of latency as a ratio to the ancestor's, as it is predicted or measured."""

from __future__ import annotations

import math

from edgesynth.errors import UserError
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.lineage import ANCESTOR, Config, Figures, Species

SAME = 1e-9


def with_speedup(config: Config, kind: Species, times: LayerTimes | None, begun: bool = False) -> tuple[Config, str]:
    """The configuration with its budget of latency in milliseconds, and what is to be reported of it.

    Where the run is measured, the budget is not known before the ancestor is; see `with_measured_speedup`.

    Args:
        config: of the run.
        kind: its ancestor.
        times: of this machine's layers, where the run aims at it.
        begun: whether the run is there already.

    Raises:
        UserError: nothing predicts the ancestor's latency, or another budget of latency is given too.
    """
    if config.speedup is not None and config.max_latency is not None:
        raise UserError(
            f"--speedup is {config.speedup:g} and --max-latency is {config.max_latency}, two ratios to the same "
            "latency; give one of them"
        )
    ratio = config.latency_ratio
    if ratio is None:
        return config, ""
    if config.measure_on is not None:
        # A run that was begun when ratios were of a prediction has its budget already.
        if config.max_latency_ms is not None and not begun:
            raise UserError(
                f"{ratio_words(config)} is a budget of latency and --max-latency-ms, {config.max_latency_ms:g}, is "
                "another; give one of them"
            )
        return config, ""
    machine = Machine(config, kind.anatomy, kind.other_kernels, times=times)
    prediction = machine.predict(kind.anatomy.census())
    if prediction is None:
        raise UserError(
            f"{ratio_words(config)} and nothing predicts the latency of {config.ancestor}; add --board local "
            "(this machine) or --board NAME, such as tx2, or measure it with --measure-on, or give --max-latency-ms "
            "instead"
        )
    most = prediction.latency_ms / ratio
    if config.max_latency_ms is not None and not math.isclose(config.max_latency_ms, most, rel_tol=SAME):
        raise UserError(
            f"{ratio_words(config)} means {most:.3g} ms of {prediction.latency_ms:.3g} ms, and --max-latency-ms "
            f"is {config.max_latency_ms:g}; give one of them"
        )
    note = (
        f"{config.ancestor} takes {prediction.latency_ms:.3g} ms on {prediction.board}, as predicted: "
        f"{ratio_words(config)}, a budget of {most:.3g} ms"
    )
    return config.model_copy(update={"max_latency_ms": most}), note


def with_measured_speedup(config: Config, ancestor: Figures | None) -> Config:
    """The configuration with its budget of latency in milliseconds, where that is a ratio to what was measured.

    Args:
        config: of the run.
        ancestor: what was measured of it; None where it was not.

    Raises:
        UserError: the run is measured, its budget is a ratio, and the ancestor was not measured.
    """
    ratio = config.latency_ratio
    if config.measure_on is None or ratio is None or config.max_latency_ms is not None:
        return config
    if ancestor is None:
        raise UserError(
            f"{ratio_words(config)}, and the run has no figures of {ANCESTOR}; measure it: edgesynth evolve --resume"
        )
    return config.model_copy(update={"max_latency_ms": ancestor.latency_ms / ratio})


def ratio_words(config: Config) -> str:
    """The ratio as it was given, such as `--speedup is 3`."""
    if config.speedup is not None:
        return f"--speedup is {config.speedup:g}"
    return f"--max-latency is {config.max_latency}"
