"""`edgesynth.load` and `edgesynth.replay`: an individual as a network, and an individual bred again."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from edgesynth.api.onnx_network import OnnxNetwork
from edgesynth.benchmark.bundle.bundle import MANIFEST
from edgesynth.evolution import Progress, Replay
from edgesynth.evolution import replay as breed_again
from edgesynth.export import OnnxRuntimeClock, other_kernels_of
from edgesynth.lineage import parse_individual, species, task_of


def load(source: str | Path, data_root: str | Path | None = None) -> nn.Module:
    """A trained network, in evaluation mode.

    Of an individual it is a plain module: an object of the ancestor's own class, physically small, that can be trained
    on, saved or cut again. Below fp32 its layers round their inputs too, as a device would. The ancestor must be
    importable, and the run's data must be there: they say how many classes there are.

    A bundle and an ONNX file hold no class: what they give is an `OnnxNetwork`, a thin module that runs the file by
    ONNX Runtime, without parameters and without gradients.

    Args:
        source: an individual, as `RUN:INDIVIDUAL`; a run, which means its best feasible individual; a bundle's folder;
            or an `.onnx` file.
        data_root: where the run's data are now; where they were, if not given. Of no use to a bundle.

    Returns:
        The network; it takes (N, C, H, W), float32, preprocessed as the task does.

    Raises:
        UserError: there is no such individual, bundle or file, or it is damaged; or the ancestor or the data of the run
            cannot be had.
    """
    path = Path(source)
    if path.suffix.lower() == ".onnx" or (path / MANIFEST).is_file():
        return OnnxNetwork(str(path))
    run, name = parse_individual(str(source))
    task = task_of(run, None if data_root is None else Path(data_root))
    kind = species(run.config.ancestor, task, run.config.seed, run.config.branches)
    return kind.quantized(run.load(name, kind.anatomy))


def replay(source: str | Path, data_root: str | Path | None = None, progress: Progress | None = None) -> Replay:
    """Breed an individual again from its parents' files and compare it with what the run keeps, bit for bit.

    Args:
        source: an individual, as `RUN:INDIVIDUAL`, or a run, which means its best feasible individual.
        data_root: where the run's data are now; where they were, if not given.
        progress: receives what is reported.

    Returns:
        True if all is equal; else its `difference` says what differs first.

    Raises:
        UserError: there is no such individual, or it or what it descends from is missing or damaged.
    """
    run, name = parse_individual(str(source))
    where = None if data_root is None else Path(data_root)
    return breed_again(run, name, progress, other_kernels_of, where, OnnxRuntimeClock())
