"""TensorRT's own plugins, which a file may need."""

from typing import Any

from edgesynth.benchmark.engines.onnx_bytes import nodes_of
from edgesynth.benchmark.engines.tensorrt.runtime.importing import version_of

# What the parser makes a plugin of, and the version since which it has a layer of its own.
_OP, _LAYER_SINCE = "NonMaxSuppression", (8, 5)


def register_plugins(trt: Any, log: Any, path: str) -> None:
    """Register TensorRT's plugins, if a file needs one, before it is parsed or its plan is loaded.

    Args:
        trt: the module.
        log: from `the_log`.
        path: an ONNX file.
    """
    if version_of(trt) < _LAYER_SINCE and any(node.op == _OP for node in nodes_of(path)):
        trt.init_libnvinfer_plugins(log, "")
