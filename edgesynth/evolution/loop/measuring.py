"""Measuring: the board in the loop. The feasible front of every generation is measured, each model once.

A measured figure is no function of a genome: measured again it would be another. So it is kept twice, by model,
precision and engine in the run, and beside the individual, as one of the files that its offspring are a function of.
Which individuals are measured depends on their records alone. So a run that was stopped at any moment finds every
figure that it had, measures those that are missing, and goes on to the lineage that these figures lead to, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import nn

from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution.budgets.budgets import ON_BOARD, OPTIONS, Yardstick, as_given
from edgesynth.evolution.preflight.feasibility import smallest_genome
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Figures, Known, Record, Run, Species


class Instrument(Protocol):
    """Measures a network on the machine that a run aims at; handed in, since evolution knows no benchmark."""

    def __call__(
        self, network: nn.Module, input_shape: Sequence[int], bred: Mapping[str, str], known: Known
    ) -> Figures:
        """Measure a network.

        Args:
            network: physically small, in evaluation mode.
            input_shape: (C, H, W).
            bred: {weight: precision} that it was trained with, as `Genome.precision`.
            known: what was measured before; that must not be measured again.

        Raises:
            UserError: the machine cannot be reached, went away, or cannot run it.
        """
        ...


class Bench:
    """Where the individuals of a run are measured.

    Args:
        run: keeps the figures.
        species: of its individuals.
        instrument: measures; None where the run aims at no machine, and nothing is.
        yardstick: learns of every figure.
        progress: likewise.
    """

    def __init__(
        self, run: Run, species: Species, instrument: Instrument | None, yardstick: Yardstick, progress: Progress
    ) -> None:
        self.run = run
        self.species = species
        self.instrument = instrument
        self.yardstick = yardstick
        self.progress = progress

    def measure(self, records: Sequence[Record]) -> None:
        """Measure individuals that are not measured yet.

        Raises:
            UserError: it cannot be done now; the run can be resumed where it is.
        """
        if self.instrument is None:
            return
        for record in records:
            figures = self.run.figures(record.name) or self._measured(record, self.instrument)
            self.yardstick.figures[record.name] = figures
            self.progress.measured(record.name, figures)

    def _measured(self, record: Record, instrument: Instrument) -> Figures:
        individual = self.run.load(record.name, self.species.anatomy)
        network, bred = self.species.removed(individual), individual.genome.precision
        try:
            figures = instrument(network, self.species.input_shape, bred, self.run.measurement)
            _check_energy(self.yardstick, figures)
        except (UserError, OSError) as error:
            raise UserError(
                f"the run is paused and nothing is lost, because {record.name} could not be measured on "
                f"{self.yardstick.config.measure_on} ({error}); mend this and go on with: "
                f"edgesynth evolve --run {self.run.path} --resume"
            ) from error
        self.run.save_measurement(figures)
        self.run.save_figures(record.name, figures)
        return figures


def check_measurable(yardstick: Yardstick, species: Species, instrument: Instrument, bred: Mapping[str, str]) -> None:
    """Measure the smallest network that there can be, before anything is trained: a budget that it misses is hopeless.

    Args:
        yardstick: with the budgets.
        species: of the run's individuals.
        instrument: measures.
        bred: {weight: precision} that grown individuals are to have.

    Raises:
        UserError: it cannot be measured, there is no energy and a budget of it, or it misses a budget by more than the
            interval of what was measured.
    """
    config, anatomy = yardstick.config, species.anatomy
    network = remove(species.model, species.plan(smallest_genome(anatomy))).eval()
    figures = instrument(network, species.input_shape, bred, lambda *model: None)
    _check_energy(yardstick, figures)
    for name in ON_BOARD:
        most = yardstick.budgets.get(name)
        if most is not None and figures.best(name) > most:
            raise UserError(
                f"{OPTIONS[name]} is {as_given(name, most)} and the smallest network that {config.ancestor} can become "
                f"was measured on {config.measure_on}: {figures.in_short()} (one cluster in each group that can be "
                f"cut); set it to {'more' if name == 'latency_ms' else 'less'}"
            )


def _check_energy(yardstick: Yardstick, figures: Figures) -> None:
    if "energy_mj" in yardstick.budgets and figures.images_per_joule is None:
        config = yardstick.config
        raise UserError(
            f"--min-images-per-joule is {config.min_images_per_joule:g} and no energy can be measured on "
            f"{config.measure_on}: {figures.energy_reason} (the duration is --measure-duration-s, "
            f"{config.measure_duration_s:g} now)"
        )
