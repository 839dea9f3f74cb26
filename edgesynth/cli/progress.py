"""Progress of a run: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from edgesynth.anatomy import Census
from edgesynth.evolution import Progress
from edgesynth.lineage import Record


class Lines(Progress):
    """One line for each finished individual."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.ancestor: Census | None = None

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """Its accuracy and size, and how much smaller than the ancestor it is."""
        census = record.census
        self.ancestor = self.ancestor or census
        self.console.print(
            f"{record.name}  validation {record.validation:6.2f} %  "
            f"synapses {census.synapses:>11,} ({self.ancestor.synapses / max(census.synapses, 1):6.1f}x)  "
            f"clusters {census.clusters:>6,} ({self.ancestor.clusters / census.clusters:5.2f}x)  "
            f"MACs {census.macs / 1e6:9.3f} M  {'kept from before' if resumed else f'{seconds:6.1f} s'}"
            f"{'' if record.feasible else '  below the floor'}",
            soft_wrap=True,
        )


class LinesAndBar(Lines):
    """The same, with a bar of epochs for the individual in training."""

    def __init__(self, console: Console, bars: Bars) -> None:
        super().__init__(console)
        self.bars = bars
        self.bar: TaskID | None = None

    def nurture(self, name: str, epochs: int, census: Census) -> None:
        """Show the bar, in place of that of a network that was trained for its score alone."""
        if self.bar is not None:
            self.bars.remove_task(self.bar)
        self.bar = self.bars.add_task(name, total=epochs, loss="")

    def epoch(self, name: str, epoch: int, loss: float) -> None:
        """Move the bar."""
        assert self.bar is not None
        self.bars.update(self.bar, completed=epoch, loss=f"loss {loss:.4f}")

    def individual(self, record: Record, seconds: float, resumed: bool) -> None:
        """Replace the bar by the line."""
        if self.bar is not None:
            self.bars.remove_task(self.bar)
            self.bar = None
        super().individual(record, seconds, resumed)


@contextmanager
def progress_on(console: Console) -> Iterator[Progress]:
    """The kind of progress that a console can show."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs  {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield LinesAndBar(console, bars)
