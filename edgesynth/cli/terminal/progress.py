"""Progress of a run: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from edgesynth.anatomy import Census
from edgesynth.cli.terminal.console import print_literal
from edgesynth.cli.terminal.logs import is_quiet
from edgesynth.evolution import Progress
from edgesynth.lineage import Figures, Record
from edgesynth.planning.cost import Prediction

Check = Callable[[], None]


class Silent(Progress):
    """Shows nothing; every reported event is a chance to stop."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def nurture(self, name: str, epochs: int, census: Census) -> None:
        """Nothing is shown."""
        self.check()

    def epoch(self, name: str, epoch: int, loss: float) -> None:
        """Nothing is shown."""
        self.check()

    def measured(self, name: str, figures: Figures) -> None:
        """Nothing is shown."""
        self.check()


class Lines(Silent):
    """One line for each finished individual."""

    def __init__(self, console: Console, check: Check) -> None:
        super().__init__(check)
        self.console = console
        self.ancestor: Census | None = None

    def _say(self, line: str) -> None:
        """Print a line above the bars, names in it as they are."""
        print_literal(self.console, line)

    def note(self, line: str) -> None:
        """The line as it is."""
        self._say(f"Data: {line}.")

    def decision(self, line: str) -> None:
        """The line as it is."""
        self._say(f"{line}.")

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """Its metric and size, how much smaller than the ancestor it is, and why it cannot be a parent."""
        census = record.census
        self.ancestor = self.ancestor or census
        self._say(
            f"{record.name}  validation {record.validation:6.2f} %  "
            f"synapses {census.synapses:>11,} ({self.ancestor.synapses / max(census.synapses, 1):6.1f}x)  "
            f"clusters {census.clusters:>6,} ({self.ancestor.clusters / census.clusters:5.2f}x)  "
            f"MACs {census.macs / 1e6:9.3f} M  {'kept from before' if resumed else f'{seconds:6.1f} s'}"
            f"{'' if record.feasible else f'  died: {record.died}' if record.died else '  below the floor'}"
            f"{'  (proxy)' if record.proxy else ''}"
        )

    def predicted(self, name: str, prediction: Prediction) -> None:
        """Latency and energy on the run's board, labeled, with the model's error."""
        where = f"{prediction.board} ({prediction.mode}, {prediction.precision}, batch {prediction.batch})"
        self._say(f"{name}  predicted on {where}: {prediction.in_short()}")

    def measured(self, name: str, figures: Figures) -> None:
        """Latency and energy with their 95 % intervals."""
        super().measured(name, figures)
        where = f"{figures.measured_on} ({figures.precision}, batch 1)"
        self._say(f"{name}  measured on {where}: {figures.in_short()}")


class LinesAndBar(Lines):
    """The same, with a bar of epochs for each individual in training."""

    def __init__(self, console: Console, bars: Bars, check: Check) -> None:
        super().__init__(console, check)
        self.bars = bars
        self.in_training: dict[str, TaskID] = {}

    def nurture(self, name: str, epochs: int, census: Census) -> None:
        """Show its bar; one that is bred a second time starts anew."""
        super().nurture(name, epochs, census)
        self._remove(name)
        self.in_training[name] = self.bars.add_task(name, total=epochs, loss="")

    def epoch(self, name: str, epoch: int, loss: float) -> None:
        """Move its bar."""
        super().epoch(name, epoch, loss)
        if name in self.in_training:
            self.bars.update(self.in_training[name], completed=epoch, loss=f"loss {loss:.4f}")

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """Replace its bar by the line."""
        self._remove(record.name)
        super().individual(record, seconds, resumed)

    def _remove(self, name: str) -> None:
        if name in self.in_training:
            self.bars.remove_task(self.in_training.pop(name))


def front_line(front: dict[str, list[str]]) -> str:
    """The run's fronts in one line, cheapest first."""
    words = {"synapses": "synapses", "macs": "MACs", "latency_ms": "latency"}
    return "; ".join(f"by {words[cost]} {', '.join(names)}" for cost, names in front.items())


@contextmanager
def progress_on(console: Console, check: Check, lines: bool = True) -> Iterator[Progress]:
    """The kind of progress that a console can show; without lines, a bar at most.

    Args:
        console: where it is shown.
        check: called whenever an individual's training begins and at every epoch; may raise to stop the run.
        lines: whether to print one for each individual where there are no bars.
    """
    if is_quiet() or not console.is_terminal:
        yield Lines(console, check) if lines and not is_quiet() else Silent(check)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs  {task.fields[loss]}", markup=False),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield LinesAndBar(console, bars, check)
