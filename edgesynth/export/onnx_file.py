"""Plain ONNX: write a torch network at opset 13 and IR 7, and believe nothing but the file that was written.

TensorRT 8.2, the last one for the TX1 and TX2, documents opset 13 as its newest. The TorchScript exporter writes it;
the dynamo exporter cannot go below 18, leaves the file as it is and only warns, so opset and IR are read back.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.lineage.files import write_bytes

if TYPE_CHECKING:
    import onnx

OPSET, IR = 13, 7
INPUT, OUTPUT, BATCH = "images", "logits", "batch"


def exporter() -> str:
    """Which exporter writes the file, and why that one."""
    return (
        f"torch {torch.__version__.split('+')[0]}, torch.onnx.export(dynamo=False): "
        f"the dynamo exporter cannot write opset {OPSET}"
    )


def to_onnx(model: nn.Module, input_shape: Sequence[int], path: Path) -> None:
    """Write a network as plain fp32 ONNX: opset 13, IR 7, free batch, constants folded, checked.

    The network is exported in evaluation mode and left as it was.

    Args:
        model: takes images (N, C, H, W), float32, and returns one tensor (N, ...).
        input_shape: (C, H, W).
        path: the file; it is written whole or not at all.

    Raises:
        UserError: the network has an operation that opset 13 lacks, it does not take and return one tensor with a free
            batch, or the installed packages wrote another opset or IR.
    """
    import onnx
    import onnxslim

    slimmed = onnxslim.slim(onnx.load_model_from_string(_traced(model, input_shape)))
    strip_domains(slimmed)
    onnx.checker.check_model(slimmed, full_check=True)
    write_bytes(path, slimmed.SerializeToString())
    try:
        check_interface(read_checked(path), path)
    except UserError:
        path.unlink()
        raise


def read_checked(path: Path) -> onnx.ModelProto:
    """Read an ONNX file back.

    Returns:
        The model; ONNX's own checker has passed it, and its opset and IR are the ones that the board reads.

    Raises:
        UserError: the file has another opset, another IR, or operators of a foreign domain.
    """
    import onnx

    model = onnx.load(str(path))
    domains = {entry.domain: entry.version for entry in model.opset_import}
    if domains != {"": OPSET} or model.ir_version != IR:
        found = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in domains.items())
        raise UserError(
            f"{path.name} was to be opset {OPSET}, IR {IR}, and the installed torch, onnxslim and onnxruntime wrote "
            f"opset {found}, IR {model.ir_version}, which TensorRT 8.2 may refuse; "
            "install the versions that edgesynth was tested with"
        )
    onnx.checker.check_model(model, full_check=True)
    return model


def check_interface(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a model whose input and output are not `images` and `logits` with a free batch.

    Raises:
        UserError: it has another interface.
    """
    graph = model.graph
    names = [value.name for value in (*graph.input, *graph.output)]
    batches = [value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)]
    if names != [INPUT, OUTPUT] or batches != [BATCH, BATCH]:
        raise UserError(
            f"{path.name} has the tensors {', '.join(names)} with first dimensions {', '.join(map(repr, batches))}; "
            "a network must take one tensor of images, return one, and leave the batch free: mend its forward"
        )


def strip_domains(model: onnx.ModelProto) -> None:
    """Drop the operator sets that no operator of the model uses: TensorRT is told of none but ai.onnx."""
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _traced(model: nn.Module, input_shape: Sequence[int]) -> bytes:
    # Two images: a batch of one is what broadcasting and squeeze could mistake for a constant.
    images = torch.zeros((2, *input_shape), device=next((tensor.device for tensor in model.parameters()), None))
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation of the one exporter that writes opset 13, and the tracer's doubts
        try:
            torch.onnx.export(
                model,
                (images,),
                stream,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: BATCH}, OUTPUT: {0: BATCH}},
            )
        except torch.onnx.errors.OnnxExporterError as error:
            why = " ".join(str(error).split())
            raise UserError(
                f"{type(model).__name__} cannot be written as ONNX opset {OPSET}: {why}; replace that operation"
            ) from None
    return stream.getvalue()
