"""The node tests of ONNX itself: over a thousand files of one operator each, with all its attributes and types."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx

NEWEST_OPSET = 20  # that TensorRT 10.1 documents: a newer one would be refused before the operator is looked at
PARTS = ("A-B", "C-D", "E-L", "M-Q", "R", "S-Z")  # first letters of operators


def files_of(part: str, folder: Path) -> dict[str, Path]:
    """The tests of a part that are one node and valid at the opset, by name.

    Args:
        part: of `PARTS`.
        folder: where the files are written.
    """
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some divide by zero to see what comes of it
        cases = collect_testcases(None)
    files = {}
    for case in cases:
        model = case.model
        domains = {entry.domain for entry in model.opset_import}
        if len(model.graph.node) != 1 or model.functions or domains - {"", "ai.onnx"}:
            continue
        if not part[0] <= model.graph.node[0].op_type[0] <= part[-1]:
            continue
        model.opset_import[0].version = min(model.opset_import[0].version, NEWEST_OPSET)
        model.ir_version = min(model.ir_version, 9)
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
            continue
        name = case.name.removeprefix("test_")
        files[name] = folder / f"{name}.onnx"
        onnx.save(model, str(files[name]))
    return files
