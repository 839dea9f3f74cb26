"""Plain ONNX: write a torch network at an opset and its IR, and check the file that was written.

TensorRT 8.2, the last one for the TX1 and TX2, documents opset 13 as its newest: that is the default. What torch,
onnxslim and onnxruntime were asked for is not always what they write, so opset, IR, interface and batch are read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.onnx.exporters import BATCH, INPUT, OUTPUT, Exporter, traced
from edgesynth.export.onnx.rewriting.averages import unpad_averages
from edgesynth.export.onnx.rewriting.equations import lower_equations
from edgesynth.export.onnx.rewriting.slimming import slimmed
from edgesynth.lineage.storage.files import write_bytes

if TYPE_CHECKING:
    import onnx

OPSET = 13
# The IR of the ONNX release that brought each opset: readers of that time know no newer one.
IR_OF = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8}
MAX_BATCH = 4096

# Protobuf holds at most 2 GiB; what is above that lies in a file of its own. The rest is room for the graph.
MAX_WEIGHTS_BYTES = 2**31 - 2**24
DATA_SUFFIX = ".data"


def check_form(opset: int, batch: int | None) -> None:
    """Refuse a form that cannot be written.

    Args:
        opset: of the file.
        batch: images per run that the file is fixed to; None leaves it free.

    Raises:
        UserError: one of them is out of range.
    """
    if opset not in IR_OF:
        raise UserError(
            f"--opset is {opset}; it must be {min(IR_OF)} to {max(IR_OF)} "
            f"({OPSET}, the default, is the newest that TensorRT 8.2 documents)"
        )
    if batch is not None and not 1 <= batch <= MAX_BATCH:
        raise UserError(f"--batch is {batch}; it must be 1 to {MAX_BATCH}, or leave it out for a free batch")


def to_onnx(model: nn.Module, input_shape: Sequence[int], path: Path, opset: int = OPSET) -> Exporter:
    """Write a network as plain fp32 ONNX: free batch, constants folded, checked.

    Weights above 2 GiB are written beside it, as `PATH.data`. The network is exported in evaluation mode and left as it
    was.

    Args:
        model: takes images (N, C, H, W), float32, and returns one tensor (N, ...).
        input_shape: (C, H, W).
        path: the file; it is written whole or not at all.
        opset: 13 to 18; the IR is that of its time.

    Returns:
        The exporter that wrote it.

    Raises:
        UserError: the network has an operation that the opset lacks, it does not take and return one tensor with a free
            batch, or the installed packages wrote another opset or IR.
    """
    check_form(opset, None)
    written, exporter = traced(model, input_shape, opset)
    written.ir_version = IR_OF[opset]
    slim = slimmed(written, compare=_fits_one_file(written))
    strip_domains(slim)
    unpad_averages(slim)
    lower_equations(slim)
    del slim.graph.metadata_props[:]  # where the dynamo exporter keeps the source it came from
    save(slim, path)
    try:
        check_interface(read_checked(path, opset), path)
        check_batch(path, input_shape)
    except UserError:
        remove_model(path)
        raise
    return exporter


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write a model, its weights in `PATH.data` if they are too large for one file; `model` is spent then."""
    import onnx

    if _fits_one_file(model):
        write_bytes(path, model.SerializeToString())
        return
    path.with_name(path.name + DATA_SUFFIX).unlink(missing_ok=True)  # onnx would append to it
    onnx.save(
        model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=path.name + DATA_SUFFIX
    )


def _fits_one_file(model: onnx.ModelProto) -> bool:
    return sum(len(weights.raw_data) for weights in model.graph.initializer) <= MAX_WEIGHTS_BYTES


def data_file(path: Path) -> Path | None:
    """The file of a model's weights, where they lie beside it."""
    weights = path.with_name(path.name + DATA_SUFFIX)
    return weights if weights.is_file() else None


def remove_model(path: Path) -> None:
    """Delete a model and its weights."""
    for file in (path, data_file(path)):
        if file is not None:
            file.unlink()


def read_checked(path: Path, opset: int | None = None) -> onnx.ModelProto:
    """Read an ONNX file back, without weights that lie beside it.

    Args:
        path: the file.
        opset: what it must have; None allows all that edgesynth writes.

    Returns:
        The model; ONNX's own checker has passed it, and its IR is that of its opset.

    Raises:
        UserError: the file has another opset, another IR, operators of a foreign domain, or types that its operators
            do not take.
    """
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    domains = {entry.domain: entry.version for entry in model.opset_import}
    own = domains.get("", 0)
    if set(domains) != {""} or own != (opset or own) or model.ir_version != IR_OF.get(own):
        opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in domains.items())
        wanted = opset or (own if own in IR_OF else OPSET)
        raise UserError(
            f"{path.name} was to be opset {wanted}, IR {IR_OF[wanted]}, and the installed torch, onnxslim and "
            f"onnxruntime wrote opset {opsets}, IR {model.ir_version}, which TensorRT may refuse; "
            "install the versions that edgesynth was tested with"
        )
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UserError(
            f"{path.name} holds what ONNX does not allow ({' '.join(str(error).split())}); replace that operation, and "
            "compute in float32: no bfloat16, and no autocast within forward"
        ) from error
    return model


def form_of(path: Path) -> dict[str, Any]:
    """Facts of a written file: `opset`, `ir`, `batch` (None: free), and `external_data`, its weights' file, if any."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    weights = data_file(path)
    return {
        "opset": opset,
        "ir": model.ir_version,
        "batch": model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None,
        **({"external_data": weights.name} if weights else {}),
    }


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


def check_batch(path: Path, input_shape: Sequence[int]) -> None:
    """Run a model at two batch sizes: a Reshape inside may fix a batch that the header calls free.

    Raises:
        UserError: it does not answer with as many rows as it is given images.
    """
    from edgesynth.export.onnx.runtime import open_session

    try:
        session = open_session(path)
    except Exception as error:  # only ONNX Runtime runs in there; its exceptions have no common base of their own
        why = " ".join(str(error).split())
        raise UserError(f"{path.name} cannot be loaded by ONNX Runtime ({why}); replace that operation") from error
    for batch in (1, 3):
        try:
            rows = len(session.run(None, {INPUT: np.zeros((batch, *input_shape), np.float32)})[0])
            outcome = f"answers {batch} images with {rows} rows"
        except Exception as error:
            rows, outcome = 0, f"fails at batch {batch} ({' '.join(str(error).split())})"
        if rows != batch:
            raise UserError(f"{path.name} {outcome}; a network must leave the batch free: mend its forward")


def strip_domains(model: onnx.ModelProto) -> None:
    """Drop the operator sets that no operator of the model uses: TensorRT knows of none but ai.onnx."""
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
