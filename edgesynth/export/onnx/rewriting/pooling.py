"""Adaptive pooling as pooling of fixed windows, where the windows do not divide the map.

At a known input size it is known which rows and columns each window covers, so opset 13 has all that it takes: Gather
puts the windows beside each other, and AveragePool or MaxPool of that stride pools them. Averages over windows of
different lengths are products with a constant matrix along each side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

AVERAGES = {
    torch.adaptive_avg_pool1d: 1,
    F.adaptive_avg_pool2d: 2,
    torch._C._nn.adaptive_avg_pool2d: 2,
    F.adaptive_avg_pool3d: 3,
    torch._C._nn.adaptive_avg_pool3d: 3,
}
MAXIMA = {F.adaptive_max_pool1d: 1, F.adaptive_max_pool2d: 2, F.adaptive_max_pool3d: 3}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}

Windows = list[tuple[int, int]]  # (first, behind the last) row or column of each


class FixedPooling(TorchFunctionMode):
    """While it is entered, adaptive pooling whose windows do not divide the map is made of operators of opset 13."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch in place of each of its functions."""
        return _pooled(func, *args, **(kwargs or {}))


def _pooled(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    dims = AVERAGES.get(func) or MAXIMA.get(func)
    if dims is None or kwargs.get("return_indices") or (len(args) > 2 and args[2]):
        return func(*args, **kwargs)
    image: Tensor = args[0] if args else kwargs["input"]
    wanted = args[1] if len(args) > 1 else kwargs["output_size"]
    sides = [int(side) for side in image.shape[-dims:]]
    sizes = [wanted] * dims if isinstance(wanted, int) else [w or side for w, side in zip(wanted, sides, strict=True)]
    if all(side % size == 0 for side, size in zip(sides, sizes, strict=True)):
        return func(*args, **kwargs)
    windows = [windows_of(side, size) for side, size in zip(sides, sizes, strict=True)]
    return (_averaged if func in AVERAGES else _maximized)(image, windows)


def windows_of(side: int, size: int) -> Windows:
    """What each of `size` windows of adaptive pooling covers of a side, as torch has it."""
    return [(place * side // size, -(-(place + 1) * side // size)) for place in range(size)]


def _maximized(image: Tensor, windows: Sequence[Windows]) -> Tensor:
    """The last row or column of a shorter window is looked at again, which changes no maximum."""
    return _strided(image, windows, MAXIMUM)


def _averaged(image: Tensor, windows: Sequence[Windows]) -> Tensor:
    dims = len(windows)
    alike = [spans if len({end - start for start, end in spans}) == 1 else [] for spans in windows]
    single = [[(row, row + 1) for row in range(int(side))] for side in image.shape[-dims:]]
    image = _strided(image, [spans or rows for spans, rows in zip(alike, single, strict=True)], AVERAGE)
    for dim, spans in zip(range(-dims, 0), windows, strict=True):
        if not alike[dim]:
            image = _product(image, spans, dim)
    return image


def _strided(image: Tensor, windows: Sequence[Windows], pool: Mapping[int, Callable[..., Tensor]]) -> Tensor:
    """Windows beside each other, each as long as the longest of its side, then pooled at that stride."""
    dims = len(windows)
    longest = [max(end - start for start, end in spans) for spans in windows]
    for dim, spans, length in zip(range(-dims, 0), windows, longest, strict=True):
        rows = [min(start + step, end - 1) for start, end in spans for step in range(length)]
        if rows != list(range(int(image.shape[dim]))):
            image = image.index_select(dim, torch.tensor(rows, device=image.device))
    return image if set(longest) == {1} else pool[dims](image, longest, longest)


def _product(image: Tensor, windows: Windows, dim: int) -> Tensor:
    """Averages along one side: the product with a matrix that holds a row of equal shares for each window."""
    shares = torch.zeros(len(windows), int(image.shape[dim]), dtype=image.dtype, device=image.device)
    for row, (start, end) in enumerate(windows):
        shares[row, start:end] = 1 / (end - start)
    if dim == -1:
        return image @ shares.T
    return shares @ image if dim == -2 else (shares @ image.flatten(-2)).unflatten(-1, image.shape[-2:])
