"""Fixed batch: a model that takes exactly N images, from one that takes any number.

Calibration and the choice of calibration run at batches of their own, so all forms are made with a free batch first.
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.export.onnx_file import BATCH, read_checked, remove_model, save


def fix_batch(source: Path, path: Path, batch: int, fold: bool) -> None:
    """Write a copy of a model whose batch is fixed.

    Args:
        source: a model with a free batch.
        path: the file to write; may be `source`.
        batch: images per run, at least 1.
        fold: compute what depended on the batch alone once and for all. Not for Q/DQ models: TensorRT wants the weights
            in floating point, followed by their Q and DQ.

    Raises:
        UserError: the installed packages wrote another opset or IR.
    """
    import onnx
    import onnxslim

    model = onnx.load(str(source))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == BATCH:
                size.dim_value = batch
    if fold:
        ir = model.ir_version
        # Constants alone: with every size known it would also fuse, and tensors would no longer be those calibrated.
        model = onnxslim.slim(model, skip_optimizations=["graph_fusion"])
        model.ir_version = ir
    save(model, path)
    try:
        read_checked(path)
    except UserError:
        remove_model(path)
        raise
