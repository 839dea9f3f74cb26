"""Small files that a parser refuses, or that are near what it refuses, by kind; a name says what a file holds."""

from __future__ import annotations

from pathlib import Path

import onnx

from benchmarks.compiler_zoo.small import control, layers, quantization, types

KINDS = {"types": types.FILES, "quantization": quantization.FILES, "control": control.FILES, "layers": layers.FILES}


def files_of(kind: str, folder: Path) -> dict[str, Path]:
    """The files of a kind by name, written into a folder."""
    files = {}
    for number, (name, model) in enumerate(KINDS[kind].items()):
        files[name] = folder / f"{number}.onnx"
        onnx.save(model, str(files[name]))
    return files
