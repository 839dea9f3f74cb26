"""Tensors that do not fit a network: counted in one line, and listed under it, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from edgesynth.printable import printable

# Counts batches for a running mean without momentum. Older files lack it, and nothing is lost with it: it is not told.
COUNTER = "num_batches_tracked"
SHOWN = 40  # names of each kind in the list; the others are counted
NONE = "none"


def mismatches(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """A line that says how many of the wanted tensors fit, and one for each that does not; none where all fit.

    Args:
        given: {name: tensor} of a file.
        wanted: {name: tensor} of the network.
    """
    wanted, given = _counted(wanted), _counted(given)
    kinds = {
        "of another shape": [name for name in wanted if name in given and given[name].shape != wanted[name].shape],
        "missing": [name for name in wanted if name not in given],
        "not in the network": [name for name in given if name not in wanted],
    }
    told = [f"{len(names):,} {_be(names)} {kind}" for kind, names in kinds.items() if names]
    if not told:
        return []
    fitting = len(wanted) - len(kinds["of another shape"]) - len(kinds["missing"])
    advice = "give the file that was saved from this network, or the --ancestor that it was saved from"
    first = f"{fitting:,} of its {len(wanted):,} tensors fit ({', '.join(told)}); {advice}"
    rows = [("tensor", "wanted", "found")]
    rows += [
        (printable(name), _shape(wanted, name), _shape(given, name))
        for names in kinds.values()
        for name in names[:SHOWN]
    ]
    left = [f"  and {len(names) - SHOWN:,} more {kind}" for kind, names in kinds.items() if len(names) > SHOWN]
    return [first, *_aligned(rows), *left]


def _counted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTER)}


def _be(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shape(tensors: Mapping[str, Tensor], name: str) -> str:
    return ("x".join(map(str, tensors[name].shape)) or "a number") if name in tensors else NONE


def _aligned(rows: list[tuple[str, str, str]]) -> Iterable[str]:
    name_width, shape_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return (f"  {name:{name_width}}  {wanted:{shape_width}}  {given}" for name, wanted, given in rows)
