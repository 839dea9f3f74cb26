"""Snippets: commands and code that run a bundle without edgesynth, filled in from its manifest."""

from __future__ import annotations

from typing import Any

from edgesynth.benchmark.bundle.bundle import KEPT
from edgesynth.tasks.task.presentation import Presentation

TRTEXEC = "/usr/src/tensorrt/bin/trtexec"
MOST = 8  # images per run that an engine of a free batch is built for
# From pixels in samples.npz to what the network is given.
READY = (
    'levels = np.load("samples.npz")["levels"]',
    "pixels = levels[np.arange(len(levels))[:, None, None], pixels]",
)


def trtexec(manifest: dict[str, Any], key: str, engine: str, flags: str) -> str:
    """The command that builds an engine of a model and times it.

    Args:
        manifest: of the bundle.
        key: of the model.
        engine: the engine's file.
        flags: of its precision and its memory, which differ between releases of TensorRT.
    """
    facts = manifest["models"][key]
    shape = "x".join(map(str, manifest["input"]["shape"]))
    shapes = "".join(
        f" --{name}Shapes={manifest['input']['name']}:{batch}x{shape}"
        for name, batch in (("min", 1), ("opt", 1), ("max", MOST))
        if facts["batch"] is None
    )
    return f"{TRTEXEC} --onnx={facts['file']} {flags}{shapes} --saveEngine={engine}"


def constraints(manifest: dict[str, Any]) -> str:
    """Options of trtexec that keep in FP32 what FP16 cannot compute."""
    layers = ",".join(f"{layer['layer']}:fp32" for layer in manifest[KEPT])
    return f"--precisionConstraints=obey --layerPrecisions='{layers}' --layerOutputTypes='{layers}'"


def onnxruntime_python(manifest: dict[str, Any], presentation: Presentation) -> str:
    """Python that reads an image, preprocesses it as in training, runs the model, and shows its output.

    Where a step of the preprocessing is not known, an image of samples.npz is taken, which is preprocessed already.

    Args:
        manifest: of the bundle.
        presentation: of the form of its outputs.
    """
    facts = manifest["models"]["fp32"]
    # The batch that the model is fixed to is filled with copies; the first answer counts.
    copies = "" if facts["batch"] in (None, 1) else f".repeat({facts['batch']}, axis=0)"
    lines = ["import json", "import numpy as np, onnxruntime"]
    lines += presentation.preprocessing_code(manifest["preprocessing"], manifest["input"]["shape"]) or [
        "# Preprocess an image as `preprocessing` in manifest.json says; those in samples.npz are ready.",
        'pixels = np.load("samples.npz")["images"][:1]',
        *(READY if manifest["samples"]["pixels"] else ()),
    ]
    lines += [
        f'session = onnxruntime.InferenceSession("{facts["file"]}", providers=["CPUExecutionProvider"])',
        f'logits = session.run(None, {{"{manifest["input"]["name"]}": pixels{copies}}})[0][0]',
        *presentation.decoding_code,
    ]
    return "\n".join(lines)
