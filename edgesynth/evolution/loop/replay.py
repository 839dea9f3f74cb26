"""Replay: breed an individual again from its parents' files, and compare it with what the run keeps of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.evolution.budgets.other_kernels import Kernels, with_other_kernels
from edgesynth.evolution.budgets.this_machine import Clock, with_times
from edgesynth.evolution.executors.threads import cpu_threads
from edgesynth.evolution.loop.evolve import birth_of, descend
from edgesynth.evolution.loop.measuring import correction_before
from edgesynth.evolution.offspring.first_weights import begin_with_weights
from edgesynth.evolution.place import Place
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strategy import build_breeder
from edgesynth.lineage import Individual, Run, species, task_of


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        individual: its name.
        difference: the first difference, with file, place and size; empty where every bit is the same.
    """

    individual: str
    difference: str

    def __bool__(self) -> bool:
        return not self.difference

    def to_json(self) -> dict[str, Any]:
        """Plain values; the difference is None where there is none."""
        return {"individual": self.individual, "equal": bool(self), "difference": self.difference or None}


def replay(
    run: Run,
    name: str,
    progress: Progress | None = None,
    kernels: Kernels | None = None,
    data_root: Path | None = None,
    clock: Clock | None = None,
) -> Replay:
    """Breed an individual again, with as many CPU threads as the first time, and compare genome, weights,
    record and what its strategy has learned.

    Nothing is written. `progress`, `kernels` and `clock` are those of `evolve`; `data_root` is where the run's data are
    now.

    Raises:
        UserError: there is no such individual, or it was lost with its workers; a parent of it or the ancestor is
            missing or damaged, or the task or the network cannot be built.
    """
    record = run.record(name)
    if record.lost:
        raise UserError(
            f"{run.path}:{name} was never nurtured ({record.died}), so there is nothing to compare with; give "
            "another individual"
        )
    task = task_of(run, data_root, weighted=True)
    kind, _ = with_other_kernels(
        species(run.config.ancestor, task, run.config.seed, run.config.branches), run.config, kernels
    )
    progress = progress or Progress()
    kind = with_times(kind, run.config, clock, run.path, progress.note)
    kept = run.load(name, kind.anatomy)
    if not record.parents and run.config.rewinds:
        kept = dataclasses.replace(kept, rewind=run.rewind())
    breeder = build_breeder(run.config, kind, task, progress, run.path)
    if record.parents:
        descend(breeder, run)
    else:
        begin_with_weights(breeder, run.path)
    place = Place(record.generation, record.child, record.parents, record.proxy)
    measured = record.parents and run.config.measure_on is not None
    correction = correction_before(run, record.generation, breeder.budgets.machine) if measured else {}
    birth = birth_of([run.load(parent, kind.anatomy) for parent in record.parents], place, correction)
    with cpu_threads(run.threads(name)):
        again = birth.breed(breeder)
    return Replay(name, first_difference(dataclasses.replace(kept, files=_files(run, again)), again))


def _files(run: Run, individual: Individual) -> dict[str, bytes]:
    """What the run has of the files of an individual that it does not read back."""
    paths = {name: run.folder(individual.name) / name for name in individual.files}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def first_difference(kept: Individual, again: Individual) -> str:
    """Where two individuals differ first, by genome, every tensor, other files and record; empty where they do not."""
    return (
        _in_values("genome.json", kept.genome.to_json(), again.genome.to_json())
        or _in_tensors("weights.safetensors", kept.weights, again.weights)
        or _in_tensors("scales.safetensors", kept.scales, again.scales)
        or _in_tensors("rewind.safetensors", kept.rewind or {}, again.rewind or {})
        or _in_files(kept.files, again.files)
        or _in_values("individual.json", kept.record.to_json(), again.record.to_json())
    )


def _in_tensors(file: str, kept: dict[str, Tensor], again: dict[str, Tensor]) -> str:
    for name in sorted({*kept, *again}):
        where = f"{file}: {name}"
        if name not in kept or name not in again:
            return f"{where} is in the {'replay' if name in again else 'run'} alone"
        old, new = kept[name], again[name]
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            return f"{where} was {_form(old)} and is {_form(new)}"
        if _bits(old) != _bits(new):
            count, apart = int((old != new).sum()), (old.double() - new.double()).abs().max()
            return f"{where} differs in {count:,} of {old.numel():,} values, by {apart:.3g} at most"
    return ""


def _in_files(kept: dict[str, bytes], again: dict[str, bytes]) -> str:
    for name in sorted({*kept, *again}):
        if name not in kept or name not in again:
            return f"{name} is in the {'replay' if name in again else 'run'} alone"
        old, new = kept[name], again[name]
        if old != new:
            common = zip(old, new, strict=False)
            place = next((place for place, (a, b) in enumerate(common) if a != b), min(len(old), len(new)))
            return f"{name} differs from byte {place:,} on; it was {len(old):,} bytes and is {len(new):,}"
    return ""


def _bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _in_values(file: str, kept: Any, again: Any) -> str:
    """The first value that differs, as JSON tells it."""
    difference = _walk(json.loads(json.dumps(kept)), json.loads(json.dumps(again)), "")
    return f"{file}: {difference}" if difference else ""


def _walk(kept: Any, again: Any, place: str) -> str:
    if isinstance(kept, dict) and isinstance(again, dict):
        for key in [*kept, *(key for key in again if key not in kept)]:
            if key not in kept or key not in again:
                return f"{place}{key} is in the {'replay' if key in again else 'run'} alone"
            if difference := _walk(kept[key], again[key], f"{place}{key}."):
                return difference
        return ""
    if isinstance(kept, list) and isinstance(again, list) and len(kept) == len(again):
        pairs = enumerate(zip(kept, again, strict=True))
        return next((difference for index, (a, b) in pairs if (difference := _walk(a, b, f"{place}{index}."))), "")
    return "" if _same(kept, again) else f"{place.rstrip('.')} was {_short(kept)} and is {_short(again)}"


def _same(kept: Any, again: Any) -> bool:
    return kept == again or (kept != kept and again != again)  # nan is what it was


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
