"""Measurable: whether a budget can be measured, and met, on the machine that a run aims at."""

from __future__ import annotations

from collections.abc import Mapping

from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import ON_BOARD, Budgets
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.preflight.smallest_network import smallest_genome
from edgesynth.lineage import Figures, Species


def check_measurable(budgets: Budgets, species: Species, instrument: Instrument, bred: Mapping[str, str]) -> None:
    """Measure the smallest network that there can be, before anything is trained: a budget that it misses is hopeless.

    Args:
        budgets: of the run.
        species: of the run's individuals.
        instrument: measures.
        bred: {weight: precision} that grown individuals are to have.

    Raises:
        UserError: it cannot be measured, there is no energy and a budget of it, or it misses a budget by more than the
            interval of what was measured.
    """
    config, anatomy = budgets.config, species.anatomy
    network = remove(species.model, species.plan(smallest_genome(anatomy))).eval()
    figures = instrument(network, species.input_shape, bred, lambda *model: None)
    check_measured(budgets, figures)
    for budget in ON_BOARD:
        most = budgets.limits.get(budget.name)
        if most is not None and budget.best(figures) > most:
            raise UserError(
                f"{budget.option} is {budget.as_given(most)} and the smallest network that {config.ancestor} can "
                f"become was measured on {config.measure_on}: {figures.in_short()} (one cluster in each group that can "
                f"be cut); set it to {budget.milder}"
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
