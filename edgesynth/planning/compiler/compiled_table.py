"""What the compiler made of a model's files, as text."""

from __future__ import annotations

from collections.abc import Mapping

from edgesynth.planning.compiler.building import Compiled
from edgesynth.planning.compiler.engine_layers import EngineLayer, EngineTensor
from edgesynth.planning.compiler.products import int8_share
from edgesynth.planning.plan.memory import size_in_words
from edgesynth.text_table import TextTable

_QUANTIZATION = ("QuantizeLinear", "DequantizeLinear")
_SHOWN_NODES = 3


def heading(compiled: Mapping[str, Compiled]) -> str:
    """The compiler, and what it built for."""
    first = next(iter(compiled.values()))
    return (
        f"NVIDIA TensorRT for RTX {first.version}, built for {first.gpu} at batch {first.batch}: its own parser and "
        "compiler, on no GPU, so nothing was run"
    )


def verdicts(compiled: Mapping[str, Compiled]) -> TextTable:
    """One line for each form of the model."""
    numbers = ("kernels", "MACs in INT8", "weights", "activations", "plan", "built in")
    table = TextTable("form", "parsed", "built", *numbers, "", right=numbers, fold=("",))
    for form, file in compiled.items():
        share = int8_share(file.products)
        table.add_row(
            form,
            "NO" if file.refusals else "yes",
            "yes" if file.is_built else "NO",
            str(file.kernels) if file.layers else "-",
            "-" if share is None else f"{share:.0%}",
            _size(file.weights_bytes),
            _size(file.activations_bytes),
            _size(file.plan_bytes),
            "-" if file.build_s is None else f"{file.build_s:.1f} s",
            file.reason,
        )
    return table


def kernels(compiled: Compiled) -> TextTable:
    """One line for each kernel of an engine, in its order."""
    table = TextTable("kernel", "reads", "writes", "output", "of", "padded", right=("output",), fold=("of",))
    padded = {product.node: product.padded for product in compiled.products}
    told: set[str] = set()
    for layer in compiled.layers:
        if layer.is_kernel:
            widened = [node for node in layer.nodes if padded.get(node) and layer.name.startswith(node)]
            told.update(widened)
            table.add_row(
                layer.kind,
                _types(layer.inputs),
                _types(layer.outputs),
                " x ".join(map(str, layer.outputs[0].dims)) if layer.outputs else "-",
                _nodes(layer),
                "; ".join(padded[node] for node in widened),
            )
    return table


def facts(compiled: Compiled) -> list[str]:
    """What was asked to run in INT8 and does not, and what was warned of."""
    lines = [
        f"not in INT8: {product.op} {product.node} runs in {product.precision}, though its inputs are quantized"
        for product in compiled.products
        if product.refused
    ]
    if compiled.is_built and not compiled.layers:
        lines.append("the layers were not read: this version of the compiler tells of them in another way")
    return [*lines, *(f"warning: {warning}" for warning in compiled.warnings)]


def _types(tensors: tuple[EngineTensor, ...]) -> str:
    return ", ".join(dict.fromkeys(tensor.type for tensor in tensors)) or "-"


def _nodes(layer: EngineLayer) -> str:
    """The nodes of the file that a kernel is of; those that only quantize are named where there are no others."""
    own = [node for node in layer.nodes if not node.rpartition("_")[2].startswith(_QUANTIZATION)]
    names = own or list(layer.nodes)
    more = len(names) - _SHOWN_NODES
    return ", ".join(names[:_SHOWN_NODES]) + (f" and {more} more" if more > 0 else "")


def _size(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else size_in_words(size_bytes)
