"""Snippets: the lines by which a bundle is run without edgesynth, filled in from its manifest."""

from __future__ import annotations

from typing import Any

from edgesynth.benchmark.bundle.bundle import KEPT

TRTEXEC = "/usr/src/tensorrt/bin/trtexec"
MOST = 8  # images per run that an engine of a free batch is built for


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


def onnxruntime_python(manifest: dict[str, Any]) -> str:
    """Python that reads an image, preprocesses it as in training, and prints its label, or writes its map; answers
    of another form are printed as they are.

    Where the task does not state its preprocessing in the usual terms, an image of samples.npz stands for the result.
    """
    facts = manifest["models"]["fp32"]
    # The batch that the model is fixed to is filled with copies; the first answer counts.
    copies = "" if facts["batch"] in (None, 1) else f".repeat({facts['batch']}, axis=0)"
    lines = ["import json", "import numpy as np, onnxruntime"]
    lines += _image(manifest) or [
        "# Preprocess an image as `preprocessing` in manifest.json says; those in samples.npz are ready.",
        'pixels = np.load("samples.npz")["images"][:1]',
        *(READY if manifest["samples"]["pixels"] else ()),
    ]
    lines += [
        f'session = onnxruntime.InferenceSession("{facts["file"]}", providers=["CPUExecutionProvider"])',
        f'logits = session.run(None, {{"{manifest["input"]["name"]}": pixels{copies}}})[0][0]',
        *DECODED.get(manifest["output"]["decoding"]["form"], ["print(logits)"]),
    ]
    return "\n".join(lines)


def _image(manifest: dict[str, Any]) -> list[str]:
    """Lines from an image file to `pixels`, (1, C, H, W) float32; none if the steps are not the ones known here."""
    steps = manifest["preprocessing"]
    channels, height, width = manifest["input"]["shape"]
    if channels not in (1, 3) or not {"scale", "mean", "std"} <= set(steps) <= {*KNOWN}:
        return []
    # As the tasks do, gray images are resized in floating point, color ones in 8 bits.
    lines = (
        [*DECODE]
        if "decode" in steps
        else ["from PIL import Image", f'image = Image.open("image.png").convert("{"L" if channels == 1 else "RGB"}")']
    )
    lines += _sized(steps, channels, height, width)
    return [
        *lines,
        f"pixels = np.asarray(image, np.float32).reshape({height}, {width}, {channels})",
        f"pixels = (pixels * {steps['scale']!r} - np.array({steps['mean']})) / np.array({steps['std']})",
        "pixels = pixels.astype(np.float32).transpose(2, 0, 1)[None]",
    ]


def _sized(steps: dict[str, Any], channels: int, height: int, width: int) -> list[str]:
    """Lines that bring `image` to the size of the input."""
    resize = steps.get("resize", {})
    if "shorter_side" in resize:
        return _centered(resize["shorter_side"], height, width)
    if "longer_side" in resize:
        return _letterboxed(resize["longer_side"], steps["pad"]["value"], height, width)
    if resize:
        depth = '.convert("F")' if channels == 1 else ""
        return [f"image = image{depth}.resize(({width}, {height}), Image.BILINEAR)"]
    if "crop" in steps:
        return [
            f"left, top = (image.size[0] - {width}) // 2, (image.size[1] - {height}) // 2",
            f"image = image.crop((left, top, left + {width}, top + {height}))",
        ]
    return []


def _centered(shorter_side: int, height: int, width: int) -> list[str]:
    """Lines that scale the center alone, as training does: scaled as a whole, a sliver may fit into no memory."""
    return [
        "w, h = image.size",
        f"wide, high = (max({shorter_side}, round({shorter_side} / min(w, h) * side)) for side in (w, h))",
        f"left, top = (wide - {width}) // 2, (high - {height}) // 2  # of the center, once all is scaled",
        f"center = (left * w / wide, top * h / high, (left + {width}) * w / wide, (top + {height}) * h / high)",
        f"image = image.resize(({width}, {height}), Image.BILINEAR, box=center)",
    ]


def _letterboxed(longer_side: int, value: int, height: int, width: int) -> list[str]:
    """Lines that fit the whole image in and pad it."""
    gray = ", ".join([str(value)] * 3)
    return [
        f"scale = {longer_side} / max(image.size)",
        "inner = image.resize([max(1, round(scale * side)) for side in image.size], Image.BILINEAR)",
        f"image = Image.new('RGB', ({width}, {height}), ({gray}))",
        f"left, top = ({width} - inner.size[0]) // 2, ({height} - inner.size[1]) // 2",
        "image.paste(inner, (left, top))",
    ]


# An image file as the tasks read it; see `edgesynth.tasks.images.pixels`.
DECODE = (
    "from PIL import Image, ImageOps",
    'image = ImageOps.exif_transpose(Image.open("image.png"))',
    'if image.mode[0] in "IF":  # 16 bits, or floating point',
    "    levels = np.asarray(image, float).clip(0)",
    '    whites = (1, 255, 65535) if image.mode == "F" else (65535,)',
    "    white = next((one for one in whites if levels.max() <= one), levels.max())",
    "    image = Image.fromarray(np.rint(255 * levels / white).astype(np.uint8))",
    'image = image.convert("RGBA")',
    'image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")',
)


def _told(boxes: str) -> list[str]:
    """Lines that print boxes (K, 6), given as an expression, in pixels of the network's input."""
    return [
        'manifest = json.load(open("manifest.json"))',
        "side = pixels.shape[3]",
        f"for kind, score, *corners in {boxes}.tolist():",
        "    if score >= 0.3:  # left, top, right, bottom in pixels of the network's input",
        '        print(manifest["labels"][int(kind)], round(score, 2), [round(side * corner) for corner in corners])',
    ]


# From `logits`, what a network gives for one image, by the form of its answers; see `Task.decoding`.
DECODED = {
    "classes": ['print(json.load(open("manifest.json"))["labels"][logits.argmax()])'],
    "map": [
        "from PIL import Image",
        "levels = np.rint(255 / (1 + np.exp(-logits[0])))  # white: salient",
        'Image.fromarray(levels.astype(np.uint8)).save("map.png")',
    ],
    "boxes": [
        "from boxes import detections",
        *_told('detections(logits[None], manifest["output"]["decoding"])[0]'),
    ],
    "detections": _told("logits[logits[:, 0] >= 0]"),
    "class map": [
        "from PIL import Image",
        "numbers = logits.argmax(axis=0)  # of each pixel, its class",
        'print([json.load(open("manifest.json"))["labels"][number] for number in np.unique(numbers)])',
        'Image.fromarray(numbers.astype(np.uint8)).save("classes.png")',
    ],
}
# From pixels in samples.npz to what the network is given.
READY = (
    'levels = np.load("samples.npz")["levels"]',
    "pixels = levels[np.arange(len(levels))[:, None, None], pixels]",
)
KNOWN = ("source", "decode", "resize", "pad", "crop", "scale", "mean", "std")
