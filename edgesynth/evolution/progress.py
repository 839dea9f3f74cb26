"""Progress of a run: what is reported while it goes on. The command line draws bars from it."""

from __future__ import annotations

from typing import Any

from edgesynth.anatomy import Census
from edgesynth.lineage import Figures, Record
from edgesynth.planning.cost import Prediction


class Progress:
    """Receives every report and does nothing; override what is of interest."""

    def note(self, line: str) -> None:
        """Something to know of the data before the run begins, or of an offspring's cut."""

    def nurture(self, name: str, epochs: int, census: Census) -> None:
        """Training of an individual begins."""

    def epoch(self, name: str, epoch: int, loss: float) -> None:
        """So many epochs are done; mean loss of the last."""

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """An individual is finished and saved, or was found finished."""

    def predicted(self, name: str, prediction: Prediction) -> None:
        """What the cost model says of a finished individual on the run's board."""

    def measured(self, name: str, figures: Figures) -> None:
        """What a finished individual did on the machine that the run aims at; measured now or before."""

    def decision(self, line: str) -> None:
        """What the run decided by its figures, such as why it goes on."""

    def generation(self, number: int, best: Record, figures: dict[str, Any]) -> None:
        """A generation is finished; its best and what was measured of it."""
