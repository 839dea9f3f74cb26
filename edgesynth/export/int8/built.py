"""The hop from the INT8 file to NVIDIA's compiler: which layers were asked to run in INT8, and which do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edgesynth.planning.compiler.building import Compiled, compile_graph
from edgesynth.planning.compiler.products import Product, int8_share
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.tensorrt_rtx import problem_of_import

BUILT_KEY = "built_by_tensorrt"  # in the manifest, beside the file


class Built(NamedTuple):
    """What TensorRT for RTX makes of the INT8 file.

    Attributes:
        version: of TensorRT for RTX.
        gpu: that it was built for, such as sm86.
        problem: why there is no engine, in its own words; "" if there is one.
        asked: convolutions and products of matrices whose inputs the file quantizes.
        in_int8: how many of those run in INT8; None where the engine's layers could not be read.
        share: of all multiply-accumulates that run in INT8, 0 to 1; None where that is not known.
        unused: those that do not: `node`, `op`, `precision` and `why`.
    """

    version: str
    gpu: str
    problem: str
    asked: int
    in_int8: int | None
    share: float | None
    unused: tuple[Mapping[str, str], ...]

    @property
    def ok(self) -> bool:
        """Whether there is an engine."""
        return not self.problem

    def to_json(self) -> dict[str, Any]:
        """As plain values, for the manifest."""
        return {**self._asdict(), "unused": [dict(layer) for layer in self.unused]}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Built:
        """What `to_json` wrote."""
        return cls(**{**facts, "unused": tuple(facts["unused"])})

    def sentence(self) -> str:
        """What came of it, in one line."""
        builder = f"TensorRT for RTX {self.version} ({self.gpu})"
        if self.problem:
            return f"{builder} does not build the INT8 file: {self.problem}"
        if self.in_int8 is None:
            return f"{builder} builds the INT8 file; its layers could not be read"
        share = "" if self.share is None else f", {self.share:.1%} of the multiplications"
        return f"{builder} runs {self.in_int8} of the {self.asked} layers that the INT8 file quantizes in INT8{share}"

    def warnings(self) -> list[str]:
        """A line for each pair of Q and DQ nodes that is not used."""
        return [
            f"TensorRT does not use the Q/DQ nodes of {layer['op']} {layer['node']}: it runs in {layer['precision']}, "
            f"and {layer['why']}"
            for layer in self.unused
        ]


def built_by_tensorrt(path: Path) -> Built | None:
    """Build the INT8 file by NVIDIA's compiler; None where that is not installed.

    Args:
        path: of model.int8.onnx.
    """
    if problem_of_import() is not None:
        return None
    compiled = compile_graph(read_graph(str(path)))
    asked = [product for product in compiled.products if product.asked]
    known = all(product.precision for product in asked)
    return Built(
        compiled.version,
        compiled.gpu,
        compiled.reason,
        len(asked),
        sum(not product.refused for product in asked) if compiled.layers and known else None,
        int8_share(compiled.products),
        tuple(_unused(product, compiled) for product in asked if product.refused),
    )


def _unused(product: Product, compiled: Compiled) -> dict[str, str]:
    said = [warning for warning in compiled.warnings if product.node in warning]
    return {
        "node": product.node,
        "op": product.op,
        "precision": product.precision or "",
        "why": "; ".join(said) or "the log does not say why",
    }
