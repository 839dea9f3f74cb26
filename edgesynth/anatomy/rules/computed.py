"""Tensors computed from parameters alone, element by element: which parameter lies along which dimension.

A weight may be scaled (equalized learning rate), standardized, normalized, rounded (fake quantization) or masked. It is
cut by cutting the parameters that it is computed from. What it holds where an index of a parameter is all zero is found
by calling the op, as for activations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from edgesynth.anatomy.channels import Source, Value
from edgesynth.anatomy.rules.call import Call, Operand
from edgesynth.anatomy.rules.views.shaping import axis_order, runs

Derivation = Callable[[Call, Operand], "list[Value] | None"]
SAMPLES = 64
SAME = ("clone", "contiguous", "detach", "alias", "lift_fresh_copy", "to", "_to_copy", "type_as", "dropout", "positive")
RESHAPES = ("flatten", "view", "reshape", "unflatten", "squeeze", "unsqueeze", "_unsafe_view", "view_as", "reshape_as")
PERMUTATIONS = ("permute", "transpose", "t", "numpy_T", "mT", "movedim", "swapaxes", "swapdims")
EXPANSIONS = ("expand", "expand_as", "broadcast_to")
REPEATS = ("repeat", "tile")
VIEWS = (*SAME, *RESHAPES, *PERMUTATIONS, *EXPANSIONS, *REPEATS, "slice", "narrow", "select")
SUMS = ("sum", "norm", "linalg_vector_norm")  # lines of zeros change nothing in them
MOMENTS = ("mean", "var", "std", "var_mean", "std_mean", "amax", "amin")
POINTWISE = (
    *("fake_quantize_per_tensor_affine", "_fake_quantize_learnable_per_tensor_affine"),
    *("hardswish", "hardsigmoid", "mish", "softsign", "logsigmoid", "selu", "celu", "relu6"),
)
BY_CHANNEL = ("fake_quantize_per_channel_affine", "_fake_quantize_learnable_per_channel_affine")


def derive(call: Call) -> list[Value] | None:
    """Outputs of an op on parameters alone, and on numbers; None where it is not known what it makes of them."""
    operands = call.operands()
    if not operands or any(operand.value.atoms is not None for operand in operands):
        return None
    first = operands[0]
    if call.op in VIEWS and first.value.is_filled():
        return [replace(first.value, shape=call.shape, uniform=frozenset(range(len(call.shape))))]
    if not any(operand.sources for operand in operands):
        return None
    if torch.Tag.pointwise in getattr(call.target, "tags", ()) and call.op not in SAME:
        return _pointwise(call, operands)
    derivation = DERIVATIONS.get(call.op)
    return derivation(call, first) if derivation and first.sources else None


def _of(shape: tuple[int, ...], sources: list[Source]) -> Value:
    """A value of these sources; along dimensions that none of them has, all its elements are equal."""
    uniform = frozenset(axis for axis in range(len(shape)) if not any(source.dims[axis] for source in sources))
    return Value(shape, None, None, sources=tuple(sources), uniform=uniform)


def taint(call: Call, outputs: list[Value]) -> list[Value]:
    """Outputs of an op on parameters alone of which nothing is known but that all of each takes part."""
    operands = call.operands()
    whole = any(not operand.sources and math.prod(operand.value.shape) > 1 for operand in operands)
    if whole or not any(operand.sources for operand in operands) or any(each.atoms is not None for each in outputs):
        return outputs
    by_name = {source.parameter: source for operand in operands for source in operand.sources}
    tainted = []
    for output in outputs:
        sources = [
            replace(
                source,
                dims=((),) * len(output.shape),
                constants=(None,) * len(source.shape),
                counted=frozenset(range(len(source.shape))),
            )
            for source in by_name.values()
        ]
        tainted.append(replace(output, constant=None, sources=tuple(sources)))
    return tainted


def _same(call: Call, given: Operand) -> list[Value]:
    return [_of(call.shape, list(given.sources))]


def _pointwise(call: Call, operands: list[Operand]) -> list[Value] | None:
    """Elementwise with broadcasting, of sources and of single numbers."""
    if any(not operand.sources and math.prod(operand.value.shape) > 1 for operand in operands):
        return None
    placed: dict[str, list[Source]] = {}
    for operand in operands:
        for source in operand.sources:
            placed.setdefault(source.parameter, []).append(_broadcast(source, operand.value.shape, call.shape))
    merged = []
    for parts in placed.values():
        dims = max((part.dims for part in parts), key=lambda each: sum(map(len, each)))
        if any(own not in ((), most) for part in parts for own, most in zip(part.dims, dims, strict=True)):
            return None
        constants = tuple(_constant(call, parts[0].parameter, dim) for dim in range(len(parts[0].shape)))
        counted, summed = (
            frozenset().union(*(getattr(part, kind) for part in parts)) for kind in ("counted", "summed")
        )
        merged.append(replace(parts[0], dims=dims, constants=constants, counted=counted, summed=summed))
    result = _of(call.shape, merged)
    added = [len(call.shape) - len(operand.value.shape) for operand in operands]
    varying = {
        more + axis
        for more, operand in zip(added, operands, strict=True)
        for axis in range(len(operand.value.shape))
        if operand.value.varies(axis)
    }
    return [replace(result, uniform=result.uniform - varying)]


def _broadcast(source: Source, shape: tuple[int, ...], larger: tuple[int, ...]) -> Source:
    added = len(larger) - len(shape)
    sizes = zip(source.dims, shape, larger[added:], strict=True)
    return replace(source, dims=((),) * added + tuple(() if size < full else dims for dims, size, full in sizes))


def _constant(call: Call, parameter: str, dim: int) -> float | None:
    """What a pointwise op makes of an index of a parameter that is all zero; None if other values decide."""
    random = torch.Generator().manual_seed(0)

    def sample(operand: Operand) -> Tensor | None:
        for source in operand.sources:
            if source.parameter == parameter and any(dim in dims for dims in source.dims):
                constant = source.constants[dim]
                return None if constant is None else torch.full((SAMPLES,), constant).to(operand.dtype)
        return (3 * torch.randn(SAMPLES, generator=random)).to(operand.dtype)

    samples = {id(operand): sample(operand) for operand in call.operands()}
    if any(values is None for values in samples.values()):
        return None
    return outcome(call, samples)


def outcome(call: Call, samples: dict[int, Tensor | None]) -> float | None:
    """The one number that a pointwise op makes of samples of its operands, by identity; None if there are several."""

    def fill(argument: Any) -> Any:
        if isinstance(argument, Operand):
            return samples[id(argument)]
        return [fill(item) for item in argument] if isinstance(argument, (list, tuple)) else argument

    try:
        result = call.target(**{name: fill(argument) for name, argument in call.args.items()})
    except (RuntimeError, TypeError, NotImplementedError):
        return None
    if result.is_complex():
        result = torch.view_as_real(result)
    result = result.double()
    first = result.reshape(-1)[0].item()
    return first if bool((result == first).all()) and math.isfinite(first) else None


def _reshape(call: Call, given: Operand) -> list[Value] | None:
    before, after = given.value.shape, call.shape
    sources = []
    for source in given.sources:
        dims: list[tuple[int, ...]] = [()] * len(after)
        for axes, places in runs(before, after):
            pieces = [piece for axis in axes for piece in _pieces(source, axis, before[axis])]
            if not _deal(pieces, places, after, dims):
                return None
        sources.append(replace(source, dims=tuple(dims)))
    return [_of(after, sources)]


def _pieces(source: Source, axis: int, size: int) -> list[tuple[int | None, int]]:
    """(dimension of the parameter, size) of what lies along a dimension; None where it is the same all along."""
    return [(dim, source.shape[dim]) for dim in source.dims[axis]] or [(None, size)]


def _deal(
    pieces: list[tuple[int | None, int]], places: list[int], sizes: tuple[int, ...], dims: list[tuple[int, ...]]
) -> bool:
    """Deal pieces out to the dimensions of a view, in order; whether that comes out even."""
    left = [piece for piece in pieces if piece[1] > 1] or pieces
    for place in places:
        taken, product = [], 1
        while left and product < sizes[place]:
            dim, size = left.pop(0)
            product *= size
            taken.append(dim)
        if not taken and left and left[0][1] == 1:
            taken.append(left.pop(0)[0])
        if product != sizes[place] or (None in taken and len(set(taken)) > 1):
            return False
        dims[place] = tuple(dim for dim in taken if dim is not None)
    return all(size == 1 for _, size in left)


def _permute(call: Call, given: Operand) -> list[Value]:
    order = axis_order(call, len(given.value.shape))
    sources = [replace(source, dims=tuple(source.dims[axis] for axis in order)) for source in given.sources]
    return [_of(call.shape, sources)]


def _expand(call: Call, given: Operand) -> list[Value]:
    return [_of(call.shape, [_broadcast(source, given.value.shape, call.shape) for source in given.sources])]


def _repeat(call: Call, given: Operand) -> list[Value] | None:
    """Copies along dimensions of size 1; what else is repeated is not followed."""
    added = len(call.shape) - len(given.value.shape)
    old = ((1,) * added + given.value.shape) if added >= 0 else ()
    if len(old) != len(call.shape) or any(1 < size < full for size, full in zip(old, call.shape, strict=True)):
        return None
    return _expand(call, given)


def _reduce(call: Call, given: Operand) -> list[Value] | None:
    """Statistics over some dimensions, or all; those over which they are taken are remembered."""
    rank = len(given.value.shape)
    axes = call.args.get("dim")
    axes = range(rank) if axes is None or axes == [] else axes if isinstance(axes, (list, tuple)) else [axes]
    reduced = {axis % rank for axis in axes}
    order = call.args.get("ord", call.args.get("p", 2))
    sums = call.op in SUMS and (call.op == "sum" or (isinstance(order, (int, float)) and order > 0))
    kept_dims = len(call.shape) == rank
    values = []
    for output in range(len(call.shapes)):
        spread = call.op in ("var", "std") or (call.op in ("var_mean", "std_mean") and output == 0)
        sources = []
        for source in given.sources:
            lost = frozenset(dim for axis in reduced for dim in source.dims[axis])
            harmless = frozenset(dim for dim in lost if sums and source.constants[dim] == 0)
            constants = tuple(
                None if dim in lost or constant is None or (sums and constant) else 0.0 if spread else constant
                for dim, constant in enumerate(source.constants)
            )
            dims = tuple(() if axis in reduced else own for axis, own in enumerate(source.dims))
            dims = dims if kept_dims else tuple(own for axis, own in enumerate(dims) if axis not in reduced)
            counted, summed = source.counted | (lost - harmless), source.summed | harmless
            sources.append(replace(source, dims=dims, constants=constants, counted=counted, summed=summed))
        values.append(_of(call.shapes[output], sources))
    return values


def _batch_norm(call: Call, given: Operand) -> list[Value] | None:
    """Standardized by its own statistics, as weights are in some networks; of weights there are no running ones."""
    if call.args.get("weight") is not None or call.args.get("running_mean") is not None:
        return None
    sources = []
    for source in given.sources:
        lost = frozenset(dim for axis, dims in enumerate(source.dims) if axis != 1 for dim in dims)
        zero = tuple(None if dim in lost or constant is None else 0.0 for dim, constant in enumerate(source.constants))
        sources.append(replace(source, constants=zero, counted=source.counted | lost))
    return [_of(call.shape, sources)]


def _weight_norm(call: Call, direction: Operand) -> list[Value] | None:
    """Weight normalization, v g / |v|: rows die by their length g, for v of zero has no direction."""
    magnitude, dim = call.args["g"], call.args["dim"]
    if direction.parameter is None or magnitude.parameter is None:
        return None
    (own,), (length,) = direction.sources, magnitude.sources
    call.channels.norms[own.parameter] = (length.parameter, dim)
    constants = tuple(None if axis == dim else 0.0 for axis in range(len(own.shape)))
    others = frozenset(axis for axis in range(len(own.shape)) if axis != dim)
    dims = tuple((dim,) if axis == dim % len(own.shape) and dim >= 0 else () for axis in range(len(own.shape)))
    return [
        _of(
            call.shape,
            [
                replace(own, constants=constants, summed=own.summed - others),
                replace(length, dims=dims, constants=(0.0,) * len(length.shape)),
            ],
        )
    ]


def _by_channel(call: Call, given: Operand) -> list[Value] | None:
    """Fake quantization with a step for each index of one dimension."""
    axis = call.args["axis"] % len(call.shape)
    sources = list(given.sources)
    for name in ("scale", "zero_point"):
        step: Operand = call.args[name]
        if not step.sources and step.value.varies(0):
            return None
        known = {source.parameter for source in sources}
        for source in step.sources:
            dims = tuple(source.dims[0] if place == axis else () for place in range(len(call.shape)))
            if source.parameter not in known:
                unknown = (None,) * len(source.shape)
                sources.append(replace(source, dims=dims, constants=unknown))
            else:  # a step that is taken from the weight itself
                sources = [_with_statistics(each, source) for each in sources]
    return [_of(call.shape, sources)]


def _with_statistics(source: Source, of: Source) -> Source:
    if source.parameter != of.parameter:
        return source
    along = {dim for dims in of.dims for dim in dims}
    constants = tuple(
        None if dim in along and not of.constants[dim] else constant  # what a step of zero gives is not known
        for dim, constant in enumerate(source.constants)
    )
    return replace(source, constants=constants, counted=source.counted | of.counted, summed=source.summed | of.summed)


DERIVATIONS: dict[str, Derivation] = {
    **dict.fromkeys(SAME, _same),
    **dict.fromkeys(RESHAPES, _reshape),
    **dict.fromkeys(PERMUTATIONS, _permute),
    **dict.fromkeys(EXPANSIONS, _expand),
    **dict.fromkeys(REPEATS, _repeat),
    **dict.fromkeys(SUMS + MOMENTS, _reduce),
    **dict.fromkeys(POINTWISE, lambda call, _: _pointwise(call, call.operands())),
    **dict.fromkeys(BY_CHANNEL, _by_channel),
    "batch_norm": _batch_norm,
    "_weight_norm": _weight_norm,
}
