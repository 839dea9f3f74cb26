"""Measurable: whether a budget can be measured, and met, on the machine that a run aims at."""

from __future__ import annotations

from collections.abc import Mapping

from edgesynth.anatomy import Census, remove
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import BUDGETS, LATENCY, ON_BOARD, Budgets
from edgesynth.evolution.budgets.on_board import BoardBudget
from edgesynth.evolution.budgets.speedup import ratio_words, with_measured_speedup
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.preflight.smallest_network import smallest_genome
from edgesynth.lineage import Figures, Genome, Species


def check_measurable(budgets: Budgets, species: Species, instrument: Instrument, bred: Mapping[str, str]) -> str:
    """Measure the largest and the smallest network that there can be, before anything is trained.

    A budget that the smallest one misses is hopeless, and one that the ancestor meets asks for nothing. Latency depends
    little on what the weights are, so the ancestor is measured as it is built.

    Args:
        budgets: of the run.
        species: of the run's individuals.
        instrument: measures.
        bred: {weight: precision} that grown individuals are to have.

    Returns:
        What is to be reported of the ancestor.

    Raises:
        UserError: they cannot be measured, there is no energy and a budget of it, the ancestor meets every budget, or
            the smallest network misses one by more than the interval of what was measured.
    """

    def measured(genome: Genome) -> Figures:
        network = remove(species.model, species.plan(genome)).eval()
        figures = instrument(network, species.input_shape, bred, lambda *model: None)
        check_measured(budgets, figures)
        return figures

    whole = measured(Genome.unpruned(species.anatomy))
    aimed = Budgets(with_measured_speedup(budgets.config, whole), species.anatomy)
    _check_unmet(aimed, species, whole)
    _check_reachable(aimed, measured(smallest_genome(species.anatomy)), whole)
    config = budgets.config
    return f"{config.ancestor}, not trained yet, was measured on {config.measure_on}: {whole.in_short()}"


def _check_unmet(budgets: Budgets, species: Species, whole: Figures) -> None:
    """Refuse budgets all of which the ancestor meets."""
    census = species.anatomy.census()
    amounts = {name: _amount(budgets, name, census, whole) for name in budgets.limits}
    if amounts and all(amounts[name] <= most for name, most in budgets.limits.items()):
        used = ", ".join(
            BUDGETS[name].used(amounts[name], most, budgets.is_measured(name)) for name, most in budgets.limits.items()
        )
        raise UserError(f"the ancestor meets every budget already: {used}; set a tighter budget")


def _amount(budgets: Budgets, name: str, census: Census, figures: Figures) -> float:
    """What a network has of a budget, measured or counted."""
    budget = BUDGETS[name]
    return budget.worst(figures) if isinstance(budget, BoardBudget) else budgets.amount(census, name)


def _check_reachable(budgets: Budgets, smallest: Figures, whole: Figures) -> None:
    """Refuse a budget that the smallest network misses."""
    config = budgets.config
    for budget in ON_BOARD:
        most = budgets.limits.get(budget.name)
        if most is not None and budget.best(smallest) > most:
            given, advice = f"{budget.option} is {budget.as_given(most)}", f"set it to {budget.milder}"
            if budget is LATENCY and config.latency_ratio is not None:
                given = f"{ratio_words(config)}, {budget.format(most)} of the ancestor's {whole.in_short()},"
                advice = f"that is {whole.latency_ms / smallest.latency_ms:.3g} times as fast: ask for less"
            raise UserError(
                f"{given} and the smallest network that {config.ancestor} can become was measured on "
                f"{config.measure_on}: {smallest.in_short()} (one cluster in each group that can be cut); {advice}"
            )


def check_measured(budgets: Budgets, figures: Figures) -> None:
    """Refuse figures that lack what a budget limits.

    Raises:
        UserError: the instrument could not measure it.
    """
    config = budgets.config
    for budget in ON_BOARD:
        if budget.name in budgets.limits and budget.measured(figures) is None:
            raise UserError(
                f"{budget.option} is {budget.option_value(config):g} and no {budget.noun} can be measured on "
                f"{config.measure_on}: {budget.why_unmeasured(figures)} (the duration is --measure-duration-s, "
                f"{config.measure_duration_s:g} now)"
            )
