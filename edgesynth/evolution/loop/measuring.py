"""Measuring: the board in the loop. The feasible front of every generation is measured, each model once.

A measured figure is not a function of a genome: measured again it differs. So the run keeps it twice: by model,
precision and engine, and with the individual, whose offspring depend on it. Which individuals are measured depends on
their records alone. So a run that was stopped at any moment reads the figures that it has, measures those that are
missing, and continues to the lineage that these figures lead to, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgesynth.errors import UserError
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.budgets.correction import correction_of
from edgesynth.evolution.budgets.machine import Correction, Machine
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.preflight.measurable import check_measured
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Figures, Record, Run, Species


class Bench:
    """Where the individuals of a run are measured.

    Args:
        run: keeps the figures.
        species: of its individuals.
        instrument: measures; None where the run aims at no machine, and nothing is.
        budgets: learn of every figure.
        progress: likewise.
    """

    def __init__(
        self, run: Run, species: Species, instrument: Instrument | None, budgets: Budgets, progress: Progress
    ) -> None:
        self.run = run
        self.species = species
        self.instrument = instrument
        self.budgets = budgets
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
            self.budgets.figures[record.name] = figures
            self.progress.measured(record.name, figures)

    def correction(self, generation: int) -> Correction:
        """What the individuals of earlier generations correct of a prediction for this one; see `correction_before`."""
        return {} if self.instrument is None else correction_before(self.run, generation, self.budgets.machine)

    def _measured(self, record: Record, instrument: Instrument) -> Figures:
        individual = self.run.load(record.name, self.species.anatomy)
        network, bred = self.species.removed(individual), individual.genome.precision
        try:
            figures = instrument(network, self.species.input_shape, bred, self.run.measurement)
            check_measured(self.budgets, figures)
        except (UserError, OSError) as error:
            raise UserError(
                f"the run is paused and nothing is lost, because {record.name} could not be measured on "
                f"{self.budgets.config.measure_on} ({error}); mend this and go on with: "
                f"edgesynth evolve --run {self.run.path} --resume"
            ) from error
        self.run.save_measurement(figures)
        self.run.save_figures(record.name, figures)
        return figures


def correction_before(run: Run, generation: int, machine: Machine) -> Correction:
    """The correction by all individuals of earlier generations that a run has measured.

    Args:
        run: it is read alone, so that a replay and a resumed run have the same.
        generation: the one that is bred.
        machine: the one that the run aims at.
    """
    older = (record for record in run.records() if record.generation < generation)
    measured = ((record, run.figures(record.name)) for record in older)
    return correction_of([(record, figures) for record, figures in measured if figures is not None], machine)
