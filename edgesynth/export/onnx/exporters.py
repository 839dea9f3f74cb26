"""Exporters: torch has two that write ONNX, and which one can write a network depends on the opset.

The TorchScript exporter writes opsets 13 to 18 directly. The dynamo exporter writes 18, and an older one only where
ONNX's converter can convert the file; else it leaves the file at 18 and warns. So dynamo writes 18 and TorchScript the
older ones; where one fails, the other is tried.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from edgesynth.anatomy.tracing.export import evaluating
from edgesynth.errors import UserError
from edgesynth.export.onnx.rewriting.attention import plain_attention
from edgesynth.export.onnx.rewriting.pooling import FixedPooling

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT, BATCH = "images", "logits", "batch"
TORCHSCRIPT, DYNAMO = "torchscript", "dynamo"
MAX_QUOTE = 200
ATTENTION_OPSET = 14  # the oldest in which the TorchScript exporter knows scaled_dot_product_attention
DYNAMO_OPSET = 18  # the oldest that the dynamo exporter writes by itself


class Exporter(NamedTuple):
    """Which exporter wrote a file, and why that one.

    Attributes:
        name: `torchscript` or `dynamo`.
        reason: in words.
        torch: torch's version.
    """

    name: str
    reason: str
    torch: str = torch.__version__.partition("+")[0]


def traced(model: nn.Module, input_shape: Sequence[int], opset: int) -> tuple[onnx.ModelProto, Exporter]:
    """Let torch write a network as ONNX with a free batch, by the exporter of that opset or by the other one.

    The network is exported in evaluation mode and left as it was.

    Args:
        model: takes images (N, C, H, W), float32, and returns one tensor (N, ...).
        input_shape: (C, H, W).
        opset: 13 to 18.

    Raises:
        UserError: neither exporter can; the reason of the first is quoted.
    """
    # Two images: a batch of one is what broadcasting and squeeze could mistake for a constant.
    images = torch.zeros((2, *input_shape), device=next((tensor.device for tensor in model.parameters()), None))
    first, second = (DYNAMO, TORCHSCRIPT) if opset >= DYNAMO_OPSET else (TORCHSCRIPT, DYNAMO)
    try:
        return _written(first, model, images, opset), Exporter(first, _reason(first, opset))
    except (OSError, MemoryError):
        raise  # no fault of the network, and the other exporter would meet the same
    except Exception as error:  # torch runs the user's forward in there: anything may be raised
        failed, why = error, _innermost(error)
    try:
        return _written(second, model, images, opset), Exporter(second, f"the {first} exporter failed: {why}")
    except Exception:
        raise UserError(
            f"{type(model).__name__} cannot be written as ONNX opset {opset}: {why}; "
            "replace that operation, or, if it is the batch, let forward take any number of images"
        ) from failed


def newer_opset(model: nn.Module, input_shape: Sequence[int], opset: int) -> int | None:
    """The oldest opset above one at which torch writes a network; None if there is none.

    Args:
        model: as in `traced`.
        input_shape: (C, H, W).
        opset: at which it cannot.
    """
    images = torch.zeros((2, *input_shape))
    for newer in range(opset + 1, DYNAMO_OPSET + 1):
        try:
            _written(DYNAMO if newer == DYNAMO_OPSET else TORCHSCRIPT, model, images, newer)
        except Exception:  # torch runs the user's forward in there: anything may be raised
            continue
        return newer
    return None


def _innermost(error: BaseException) -> str:
    """The innermost error of a chain, in one line: the outer ones hold general advice only."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(rf" # {re.escape(os.path.dirname(__file__))}\S+", "", str(error))
    return " ".join(text.split())[:MAX_QUOTE] or type(error).__name__


def _reason(name: str, opset: int) -> str:
    if name == DYNAMO:
        return f"torch's own choice for opset {opset}"
    return f"the dynamo exporter begins at opset {DYNAMO_OPSET}"


def _written(name: str, model: nn.Module, images: torch.Tensor, opset: int) -> onnx.ModelProto:
    import onnx

    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder, _quiet(), evaluating(model):
        path = Path(folder) / "traced.onnx"
        with _given_images_alone(model), FixedPooling():
            _WRITE[name](model, images, opset, path)
        written = onnx.load(str(path))
    written_opset = next(entry.version for entry in written.opset_import if not entry.domain)
    if written_opset != opset:
        raise ValueError(f"it wrote opset {written_opset}")
    return written


def _torchscript(model: nn.Module, images: torch.Tensor, opset: int, path: Path) -> None:
    with plain_attention() if opset < ATTENTION_OPSET else contextlib.nullcontext():
        torch.onnx.export(
            model,
            (images,),
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: BATCH}, OUTPUT: {0: BATCH}},
        )


def _dynamo(model: nn.Module, images: torch.Tensor, opset: int, path: Path) -> None:
    program = torch.onnx.export(
        model,
        (images,),
        None,
        dynamo=True,
        opset_version=opset,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim(BATCH)},),
        verbose=False,
    )
    assert program is not None
    program.save(str(path), external_data=True)


_WRITE: dict[str, Callable[[nn.Module, torch.Tensor, int, Path], None]] = {
    TORCHSCRIPT: _torchscript,
    DYNAMO: _dynamo,
}


@contextlib.contextmanager
def _given_images_alone(model: nn.Module) -> Iterator[None]:
    """Leave every other argument of forward to its default.

    The TorchScript exporter gives each a value by its place, which one that is known by its name alone does not take.
    """
    forward, own = model.forward, vars(model).get("forward")
    model.forward = lambda images: forward(images)
    try:
        yield
    finally:
        if own is None:
            del model.forward
        else:
            model.forward = own


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what both exporters print, warn and log; the file is checked afterwards."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    # The TorchScript exporter prints graphs that it fails on from C++, past Python's sys.stdout.
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        heard = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
        logging.disable(before)
