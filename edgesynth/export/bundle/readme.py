"""The README inside a bundle: how to run it with nothing of ours, and what it is, out of its manifest."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from edgesynth.export.bundle.snippets import constraints, onnxruntime_python, trtexec

README = "README.md"
KINDS = {
    "fp32": "the network in fp32; TensorRT makes FP16 of it on the board",
    "fp16": "the network in FP16, for TensorRT 11, which has no FP16 flag",
    "int8": "the network with Q/DQ nodes, for TensorRT on boards with INT8 units",
    "int8-cpu": "the network with Q/DQ nodes, for ONNX Runtime on a CPU",
}
# By `Task.decoding`; the numbers are those of the output's shape.
ANSWERS = {
    "classes": "{0} values an image, one for each of `labels` in `manifest.json`",
    "map": "a map of log-odds an image, channels first; 1 / (1 + exp(-x)) is how salient a pixel is, 0 to 1",
    "boxes": "a grid of {1}x{2} cells with {0} channels an image, which `boxes.py` turns into boxes as "
    "`output.decoding` in `manifest.json` says",
    "detections": "{0} rows an image, the surest first: class (its place in `labels` of `manifest.json`; -1: no box), "
    "score, and left, top, right, bottom in shares of the input",
    "class map": "{0} maps of scores an image, one for each of `labels` in `manifest.json`; the largest is the pixel's",
}
PIXELS = ";\n  images are kept as pixels, and the network is given `levels[channel, pixel]` of them"
# By where ONNX Runtime computes the file for CPUs exactly.
PROCESSORS = {
    "any": "It is exact on every processor: no sum of its products saturates.",
    "vnni": "Its 8-bit weights are exact on ARM and on x86 with VNNI or AMX.\nOn x86 with AVX2 or AVX-512 and without "
    "these, sums of products saturate at 16 bits and answers are wrong, unless the\nsession has the entry "
    '`session.x64quantprecision` = "1", which is slower.',
}
OTHER = "what `output` in `manifest.json` says"


def readme(manifest: dict[str, Any]) -> str:
    """The text of README.md.

    Args:
        manifest: from `build_manifest`.
    """
    from jinja2 import Environment, StrictUndefined

    # Not HTML: nothing is escaped.
    environment = Environment(
        autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["figure"] = lambda value, form: "-" if value is None else format(value, form)
    template = environment.from_string(
        files("edgesynth.export.bundle").joinpath("bundle.md").read_text(encoding="utf-8")
    )
    return template.render(
        m=manifest,
        fp32=manifest["models"]["fp32"],
        kinds=KINDS,
        processors=PROCESSORS,
        answer=ANSWERS.get(manifest["output"]["decoding"]["form"], OTHER).format(*manifest["output"]["shape"]),
        shape="x".join(map(str, manifest["input"]["shape"])),
        constraints=constraints(manifest),
        pixels=PIXELS if manifest["samples"]["pixels"] else "",
        trtexec=functools.partial(trtexec, manifest),
        python=onnxruntime_python(manifest),
    )
