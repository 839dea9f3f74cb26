"""Options that exclude each other, or have no effect beside the others: refused by name, a run is what it says.

`--strategy generative` is lenient with what scripts share between strategies: --encoding, --environment, --strength,
--allocation, --keep-clusters and --offspring have no say there, and may be given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edgesynth.errors import UserError
from edgesynth.evolution.budgets import BUDGETS, limits
from edgesynth.evolution.synthesis.strength import STRENGTHS, build_strength
from edgesynth.lineage import THIS_MACHINE, Config
from edgesynth.quantization import FP32, parse_layers
from edgesynth.tasks import Task


def _asks_below_fp32(config: Config) -> bool:
    layers = {} if config.layer_precision is None else parse_layers(config.layer_precision)
    return {config.precision, *layers.values()} != {FP32}


class Need(NamedTuple):
    """What some options need to have an effect.

    Attributes:
        options: fields of the configuration.
        words: what they need, as it is given on the command line.
        met: whether a configuration has it.
    """

    options: tuple[str, ...]
    words: str
    met: Callable[[Config], bool]


# Strengths whose P is a synapse's probability to survive, not a rank.
PROBABILITIES = ("magnitude", "norm", "random")
NEEDS = (
    Need(("search", "probes", "probe_epochs"), "--strategy generative", lambda config: config.strategy == "generative"),
    Need(
        (
            *("normalizer", "temperature", "variation", "parents", "mating", "quorum"),
            *("selection", "proxy_epochs", "survivors", "patience", "stress"),
            *("branches", "round_to"),
        ),
        "--strategy heredity",
        lambda config: config.strategy == "heredity",
    ),
    Need(("temperature",), "--environment calibrated", lambda config: config.environment == "calibrated"),
    Need(
        ("temperature",),
        "--strength other than random, or --variation above 0",  # probabilities that are all equal stay equal
        lambda config: config.strength != "random" or config.variation > 0,
    ),
    Need(
        ("keep_clusters",),
        "--encoding cluster",
        lambda config: config.encoding == "cluster" or config.strategy == "generative",
    ),
    Need(
        ("variation", "allocation"),
        "--keep-clusters below 1",
        lambda config: config.keep_clusters != 1 or config.encoding == "synapse" or config.strategy == "generative",
    ),
    Need(("objective",), "--strategy heredity", lambda config: config.strategy == "heredity"),
    Need(
        ("objective",),
        "--board or --measure-on, which say how fast a network is",
        lambda config: config.board is not None or config.measure_on is not None,
    ),
    Need(("objective",), "--encoding cluster", lambda config: config.encoding == "cluster"),
    Need(("objective",), "--keep-clusters below 1", lambda config: config.share_of_clusters < 1),
    # Each offspring gets the last nurture, because each may be the last that keeps the floor.
    Need(
        ("epochs", "stress", "final_inheritance", "precision_at"),
        "--objective budgets",
        lambda config: config.objective == "budgets",
    ),
    Need(("branches", "round_to"), "--allocation shape", lambda config: config.allocation == "shape"),
    Need(("stress",), "--generations of 2 or more", lambda config: config.generations > 1),
    Need(("stress",), "--epochs of 1 or more", lambda config: config.epochs > 0),
    Need(("selection",), "--offspring of 2 or more", lambda config: config.offspring > 1),
    Need(("mating", "quorum"), "--parents of 2 or more", lambda config: config.parents > 1),
    Need(("quorum",), "--mating quorum", lambda config: config.mating == "quorum"),
    Need(("survivors",), "--proxy-epochs of 1 or more", lambda config: config.proxy_epochs > 0),
    Need(("stress_factor", "stress_tail"), "--stress", lambda config: config.stress != "none"),
    Need(("distillation_temperature",), "--distillation above 0", lambda config: config.distillation > 0),
    Need(
        ("layer_precision",),
        "--precision, or another than fp32 in it",
        _asks_below_fp32,
    ),
    Need(
        ("precision_at",),
        "--precision or --layer-precision below fp32",
        _asks_below_fp32,
    ),
    Need(
        ("board_precision",),
        "--board or --measure-on",
        lambda config: config.board is not None or config.measure_on is not None,
    ),
    Need(("measure_duration_s",), "--measure-on", lambda config: config.measure_on is not None),
)


def check_options(config: Config) -> None:
    """Refuse what can be told to make no sense by the options alone.

    Raises:
        UserError: options exclude each other, nothing would shrink by them, or one has no effect.
    """
    build_strength(config.strength, config.normalizer)
    if config.min_accuracy is not None and config.max_loss is not None:
        raise UserError(
            f"--min-accuracy is {config.min_accuracy:g} and --max-loss is {config.max_loss:g}, two floors on the same "
            "metric; give one: percent, or points below the ancestor's"
        )
    _check_keep(config)
    _check_allocation(config)
    _check_faithful(config)
    _check_precision_here(config)
    _check_idle(config)


def check_taught(config: Config, task: Task) -> None:
    """Refuse a temperature where the ancestor teaches what knows none.

    Raises:
        UserError: answers are compared as plain numbers, and a temperature is given.
    """
    temperature = config.distillation_temperature
    if task.teaching == "numbers" and temperature != Config.model_fields["distillation_temperature"].default:
        raise UserError(
            f"--distillation-temperature is {temperature:g} and answers of the task {task.name} are compared as plain "
            "numbers, which it does not soften; leave it out"
        )


def _check_keep(config: Config) -> None:
    if config.keep != 1:
        return
    if config.strategy == "generative":
        raise UserError(
            "--keep is 1, the share of its size that the first cycle is to keep, and --strategy generative cuts "
            "clusters by it alone; give a lower one"
        )
    if config.encoding == "synapse" or config.keep_clusters in (None, 1):
        raise UserError(
            "--keep is 1, by which synapses die with their clusters alone, and no cluster would die either; "
            "give --keep-clusters below 1 with --encoding cluster, or a lower --keep"
        )
    if config.max_synapses is not None:
        raise UserError(
            f"--keep is 1, by which synapses die with their clusters alone, and --max-synapses {config.max_synapses:,} "
            "is met by single ones; give a lower --keep, or --max-params"
        )


def _check_allocation(config: Config) -> None:
    if config.allocation == "strength" or config.strategy == "generative":
        return
    if config.allocation in ("budgets", "shape") and config.objective == "budgets" and not limits(config):
        options = ", ".join(budget.option for budget in BUDGETS.values())
        what = "there is none" if config.allocation == "budgets" else "shapes are chosen to meet budgets"
        raise UserError(f"--allocation is {config.allocation} and {what}; give one of {options}, or another allocation")
    for name, value, usable in (
        ("encoding", config.encoding, "cluster"),
        ("environment", config.environment, "calibrated"),
    ):
        if value != usable:
            raise UserError(
                f"--allocation is {config.allocation}, which shares out the clusters of a calibrated draw, and "
                f"--{name} is {value}; use --{name} {usable}, or leave --allocation out"
            )


def _check_faithful(config: Config) -> None:
    # Of a strength of one's own, its author knows.
    ranks = config.strength in STRENGTHS and config.strength not in PROBABILITIES
    if config.strategy == "heredity" and config.environment == "faithful" and ranks:
        raise UserError(
            f"--environment is faithful, by which P is the chance to survive, and that of --strength {config.strength} "
            "only ranks: next to nothing would survive; add --strength magnitude, the papers' (or norm, or random)"
        )


def _check_precision_here(config: Config) -> None:
    # Where the run is measured, at that precision, what is predicted is corrected by it.
    if config.board == THIS_MACHINE and config.measure_on is None and config.board_precision in ("fp16", "int8"):
        raise UserError(
            f"--board is {THIS_MACHINE}, whose layers are timed at fp32, and --board-precision is "
            f"{config.board_precision}; leave that out (edgesynth export --int8 quantizes what gets faster here), or "
            f"add --measure-on {THIS_MACHINE}"
        )


def _check_idle(config: Config) -> None:
    for need in NEEDS:
        for name in need.options if not need.met(config) else ():
            value = getattr(config, name)
            if value != Config.model_fields[name].default:
                option = f"--{name.replace('_', '-')}"
                raise UserError(
                    f"{option} is {value} and has no effect without {need.words}; give that, or leave {option} out"
                )
