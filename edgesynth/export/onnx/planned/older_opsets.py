"""Older opsets at which a network cannot be written: its file lists them, so that no plan advises them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from edgesynth.errors import UserError
from edgesynth.export.onnx.onnx_file import OPSET, to_onnx
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.planning.parsers.operators import REFUSED_OPSETS
from edgesynth.planning.parsers.parser import TABLES, parser_of


def keep_refused(path: Path, model: nn.Module, input_shape: Sequence[int], opset: int) -> None:
    """Write into a file's metadata at which opsets its network cannot be written.

    Args:
        path: the ONNX file of the network; written anew if there are any.
        model: the network.
        input_shape: (C, H, W).
        opset: of the file; those below it are tried that some TensorRT documents as its newest.
    """
    import onnx

    newest = {parser_of(version).opsets[1] for version in TABLES}
    tried = sorted(older for older in newest if OPSET <= older < opset)
    refused = [str(older) for older in tried if not _can_be_written(model, input_shape, older)]
    if refused:
        file = onnx.load(str(path), load_external_data=False)
        file.metadata_props.add(key=REFUSED_OPSETS, value=",".join(refused))
        write_bytes(path, file.SerializeToString())


def _can_be_written(model: nn.Module, input_shape: Sequence[int], opset: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        try:
            to_onnx(model, input_shape, Path(folder) / "model.onnx", opset)
        except UserError:
            return False
    return True
