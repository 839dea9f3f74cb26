"""Feasibility: what cannot be bred is refused before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edgesynth.anatomy import Anatomy, Census
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import BUDGETS, ON_BOARD, Budgets
from edgesynth.evolution.budgets.layer_times import LayerTimes
from edgesynth.evolution.preflight.options import check_options
from edgesynth.evolution.preflight.smallest_network import smallest_genome
from edgesynth.lineage import Config
from edgesynth.planning.cost import Layer


def check_feasible(
    config: Config, anatomy: Anatomy, other_kernels: Sequence[Layer] = (), times: LayerTimes | None = None
) -> None:
    """Refuse a configuration by which nothing can be bred; `anatomy` and `other_kernels` are those of the `Species`.

    Raises:
        UserError: options that exclude each other or have no effect, clusters to be drawn where none can be cut, no
            synapse at all, or budgets that no network of this anatomy can meet, alone or together, or that the ancestor
            meets already.
    """
    check_options(config)
    cuttable = [group for group in anatomy.removable if group.size > 1]
    if not cuttable:
        _check_uncuttable(config, anatomy)
    budgets = Budgets(config, anatomy, other_kernels, times)
    _check_board(budgets, anatomy)
    if not budgets.limits:
        return
    if budgets.within(anatomy.census()):
        raise UserError(_met_already(budgets, anatomy.census()))
    smallest = [smallest_genome(anatomy, quantity).census(anatomy) for quantity in ("params", "macs")]
    limits = {name: most for name, most in budgets.limits.items() if not budgets.is_measured(name)}
    for name, most in limits.items():
        least = min(budgets.amount(census, name) for census in smallest)
        if most < least:
            why = f"one cluster in each of the {len(cuttable)} groups that can be cut, the others whole"
            if not cuttable:
                why = f"no cluster can be cut: {_first_reason(anatomy)}"
            raise UserError(_out_of_reach(budgets, name, least, why))
    if not any(budgets.meets(census, limits) for census in smallest):
        raise UserError(_exclusion(budgets, limits, smallest))


def _check_uncuttable(config: Config, anatomy: Anatomy) -> None:
    """Refuse a network that has no cluster to give where clusters are what is drawn."""
    if not anatomy.weights():
        raise UserError(
            f"{config.ancestor} has no convolution or linear layer, so there is no synapse to lose; "
            "give another --ancestor"
        )
    uncut = f"no cluster of {config.ancestor} can be cut: {_first_reason(anatomy)}"
    if config.strategy == "generative":
        raise UserError(f"--strategy is generative and {uncut}; use --strategy heredity --encoding synapse")
    if config.encoding == "cluster":
        raise UserError(f"--encoding is cluster and {uncut}; use --encoding synapse")


def _first_reason(anatomy: Anatomy) -> str:
    """Why the first group of a network of which none can be cut cannot be."""
    group = anatomy.groups[0]
    return f"{group.name} ({group.reason or 'it has one cluster, which has to stay'})"


def _check_board(budgets: Budgets, anatomy: Anatomy) -> None:
    """Refuse budgets of a board that nothing can be said of; all of it is said before anything is trained."""
    config, whole = budgets.config, budgets.machine.predict(anatomy.census())
    given = [budget for budget in ON_BOARD if budget.name in budgets.limits]
    generative = config.strategy == "generative"
    if config.measure_on is not None and generative:
        raise UserError(
            "--measure-on steers heredity alone, and --strategy is generative, which goes by what is known of a "
            "network before it is trained; use --strategy heredity, or --board NAME, whose figures are predicted"
        )
    if config.measure_on is not None:
        return
    measured = "" if generative else ", or measure: --measure-on local or ssh://user@host"
    if given and whole is None:
        raise UserError(
            f"{given[0].option} is given and nothing says of which machine; add --board NAME, such as tx2, "
            f"whose figures are then predicted{measured}"
        )
    for budget in given:
        if whole is not None and budget.predicted(whole) is None:
            raise UserError(
                f"{budget.option} is {budget.option_value(config):g} and the {budget.noun} of {whole.board} at "
                f"{whole.precision} cannot be predicted: {budget.why_unpredicted}{measured}"
            )


def _out_of_reach(budgets: Budgets, name: str, least: float, why: str) -> str:
    """Why a budget is below what the smallest network has."""
    budget, most = BUDGETS[name], budgets.limits[name]
    smallest = f"the smallest network that {budgets.config.ancestor} can become"
    asked = f"{budget.option} is {budget.as_given(most)} and {smallest}"
    if not budget.on_board:
        least = int(least)
        return f"{asked} has {budget.format(least)} ({why}); set it to {budget.as_given(least)} or {budget.milder}"
    machine = budgets.machine
    bound = budget.value(least)
    return (
        f"{asked} is predicted to have {_outward(-bound if budget.is_floor else bound)} {budget.unit} on "
        f"{machine.title} at {machine.precision} ({why}); set it to that or {budget.milder}"
    )


def _outward(bound: float) -> str:
    """Three digits of a least amount, or of the negative of a most amount, that are no further than the bound."""
    step = 10.0 ** (math.floor(math.log10(abs(bound))) - 2)
    return f"{abs(math.ceil(bound / step) * step):.6g}"


def _met_already(budgets: Budgets, census: Census) -> str:
    """That the ancestor meets every budget."""
    given = " and ".join(
        f"{BUDGETS[name].option} is {BUDGETS[name].as_given(most)}" for name, most in budgets.limits.items()
    )
    amounts = " and ".join(
        f"{'predicted ' if BUDGETS[name].on_board else ''}{BUDGETS[name].format(budgets.amount(census, name))}"
        for name in budgets.limits
    )
    return f"{given}, and {budgets.config.ancestor} has {amounts} already; set a tighter budget"


def _exclusion(budgets: Budgets, limits: Mapping[str, float], smallest: list[Census]) -> str:
    """That no network meets all budgets at once, though one meets each."""
    given = " and ".join(f"{BUDGETS[name].option} {BUDGETS[name].as_given(most)}" for name, most in limits.items())
    amounts = "; or ".join(
        ", ".join(BUDGETS[name].format(budgets.amount(census, name)) for name in limits) for census in smallest
    )
    ancestor = budgets.config.ancestor
    return f"{given} exclude each other: the smallest networks that {ancestor} can become have {amounts}; raise one"
