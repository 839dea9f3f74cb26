"""Effective precision: what TensorRT chose for each layer, as the engine inspector tells it (8.2 and later)."""

import json
import re
from typing import Any, Dict, List, Optional

# "Row major linear FP16 format" up to 8, "Half" since 10; under another key in the newest.
_KEYS = ("Format/Datatype", "Datatype")
_NAMES = {
    "fp32": "fp32", "float": "fp32", "fp16": "fp16", "half": "fp16", "bf16": "bf16", "bfloat16": "bf16",
    "int8": "int8", "fp8": "fp8", "int4": "int4",
}  # fmt: skip
_WORD = re.compile(r"\b({})\b".format("|".join(_NAMES)), re.IGNORECASE)
# Layers that compute nothing: they move, copy or hold.
_IDLE = ("reformat", "noop", "constant", "signal", "wait")


def layers_by_precision(trt: Any, engine: Any, context: Any) -> Optional[Dict[str, int]]:
    """How many computing layers run at each precision: that of what they read.

    Args:
        trt: the module tensorrt.
        engine: the engine.
        context: its execution context, whose shapes are set.

    Returns:
        Counts by "fp32", "fp16", "int8", ...; None where this TensorRT or the plan does not tell.
    """
    if not hasattr(engine, "create_engine_inspector"):
        return None
    inspector = engine.create_engine_inspector()
    inspector.execution_context = context
    try:
        told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    except ValueError:
        return None
    counts: Dict[str, int] = {}
    for layer in told.get("Layers", []):
        precision = _precision(layer)
        if precision is not None:
            counts[precision] = counts.get(precision, 0) + 1
    return counts or None


def in_words(layers: Optional[Dict[str, int]]) -> Optional[str]:
    """`int8`, or `mixed: 12 fp16, 2 fp32`; None where it is not known."""
    if layers is None:
        return None
    if len(layers) == 1:
        return next(iter(layers))
    ordered = sorted(layers.items(), key=lambda pair: (-pair[1], pair[0]))
    return "mixed: " + ", ".join("{} {}".format(count, name) for name, count in ordered)


def _precision(layer: Any) -> Optional[str]:
    # A layer is a mere name in a plan that was built without details.
    if not isinstance(layer, dict) or str(layer.get("LayerType", "")).lower() in _IDLE:
        return None
    sides: List[Any] = list(layer.get("Inputs") or []) or list(layer.get("Outputs") or [])
    told = [str(tensor[key]) for tensor in sides[:1] for key in _KEYS if key in tensor]
    match = _WORD.search(" ".join(told))
    return _NAMES[match.group(1).lower()] if match else None
