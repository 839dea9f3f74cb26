"""`edgesynth.evolve(...)`: the whole of evolution in one call, for a notebook or a script.

It makes the same run directory as the command line, which can resume it, replay it, export and report it.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from edgesynth.ancestors import plain_copy, register_network
from edgesynth.api.options import BundleOptions
from edgesynth.config import INTERNAL, Config, EvolveOptions, resolve
from edgesynth.errors import UserError
from edgesynth.evolution import Executor, Progress, begun_with
from edgesynth.evolution import evolve as breed
from edgesynth.export import Bundle, OnnxRuntimeClock, export_individual, instrument_for, other_kernels_of, rehearse
from edgesynth.lineage import GIVEN, Record, Run, Species, species, state, task_of
from edgesynth.tasks import Task, load_task, register_task

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Evolved(Run):
    """A finished run: the run directory, its best individual and its networks."""

    @property
    def best(self) -> Record:
        """Facts of the best individual: its accuracy on validation, its census, how it came about."""
        return self.record(self.outcome()["best"])

    @property
    def test_accuracy(self) -> float:
        """The task's metric of the best individual on the test split, percent."""
        return self.tested()[self.best.name]

    def network(self, individual: str | None = None) -> nn.Module:
        """A trained network of the lineage, physically small, in evaluation mode; the best by default.

        Below fp32 it rounds its weights and the inputs of its layers, as a device would.

        Raises:
            UserError: there is no individual of that name.
        """
        name = individual or self.best.name
        return self._species.quantized(self.load(name, self._species.anatomy))

    def export(
        self, out: str | Path | None = None, individual: str | None = None, **options: Unpack[BundleOptions]
    ) -> Bundle:
        """Write a bundle, as `edgesynth export` does and with its options; of the best individual by default.

        Raises:
            UserError: see `edgesynth.export.export_individual`.
        """
        name = individual or self.best.name
        return export_individual(self, name, None if out is None else Path(out), **options)

    @cached_property
    def _species(self) -> Species:
        return species(self.config.ancestor, task_of(self), self.config.seed, self.config.branches)


def evolve(
    model: str | nn.Module,
    task: str | Task,
    run: str | Path,
    resume: bool = False,
    progress: Progress | None = None,
    executor: Executor | None = None,
    **options: Unpack[EvolveOptions],
) -> Evolved:
    """Breed a network over generations into a much smaller one.

    Args:
        model: an ancestor's name, `package.module:callable`, or a network. A network keeps the weights that it has and
            is trained on for `ancestor_epochs`; give 0 if it is trained already. It is not changed.
        task: a task's name, `package.module:callable`, or a task.
        run: the run directory; it must not exist unless `resume`.
        resume: continue an earlier run of the same arguments.
        progress: receives what is reported.
        executor: where offspring are nurtured; in this process by default.
        options: every option of `edgesynth evolve`, with underscores: `max_synapses=10_000`, `generations=4`.

    Returns:
        The finished run.

    Raises:
        UserError: an option or the data are bad, the run exists, or no offspring reaches the accuracy floor.
    """
    path = Path(run)
    known = [name for name in Config.model_fields if name not in (*INTERNAL, "ancestor", "task")]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UserError(
            f"evolve() takes no {', '.join(unknown)}; besides model, task and run its options are {', '.join(known)}"
        )
    begun = begun_with(path) if resume else None
    task_name = register_task(task) if isinstance(task, Task) else task
    if isinstance(model, nn.Module):
        if "weights" in options:
            raise UserError("weights were given and so was a network, which has its own; give one of them")
        settled = resolve(None, {**options, "task": task_name})
        built = load_task(settled.task, settled.data_root, settled.image_size)
        network = plain_copy(model)
        network_name = register_network(network, len(built.labels), built.input_shape)
        given = {**options, "ancestor": network_name, "task": task_name}
        config, handed_over = resolve(None, {**given, "weights": GIVEN}, begun), state(network)
    else:
        config, handed_over = resolve(None, {**options, "ancestor": model, "task": task_name}, begun), None
    measuring = (instrument_for(config), other_kernels_of, rehearse)
    finished = breed(path, config, resume, None, progress, executor, *measuring, handed_over, OnnxRuntimeClock())
    return Evolved(finished.path, finished.config)
