"""Fixed batch: a model that takes exactly N images, from one that takes any number.

The network is traced and run with a free batch first: one that depends on its batch in another way is found so.
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.export.onnx.onnx_file import BATCH, read_checked, remove_model, save
from edgesynth.export.onnx.rewriting.slimming import slimmed


def fix_batch(path: Path, batch: int) -> None:
    """Fix the batch of a plain fp32 model, and compute once and for all what depended on it alone.

    Args:
        path: a model with a free batch; written anew.
        batch: images per run, at least 1.

    Raises:
        UserError: the installed packages wrote another opset or IR.
    """
    import onnx

    model = onnx.load(str(path))
    ir = model.ir_version
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == BATCH:
                size.dim_value = batch
    # Constants alone: with every size known it would also fuse, and layers would no longer bear the network's names.
    model = slimmed(model, skip=["graph_fusion"])
    model.ir_version = ir
    remove_model(path)
    save(model, path)
    read_checked(path)
