"""The README inside a bundle: what it is and how to run it without edgesynth, from its manifest."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from edgesynth.export.bundle.readme.snippets import constraints, onnxruntime_python, trtexec
from edgesynth.export.int8.built import BUILT_KEY, Built
from edgesynth.export.int8.faster.speed import INT8_CPU, Speed
from edgesynth.tasks.task.presentation import Presentation

README = "README.md"
KINDS = {
    "fp32": "the network in fp32; TensorRT makes FP16 of it on the board",
    "fp16": "the network in FP16, for TensorRT 11, which has no FP16 flag",
    "int8": "the network with Q/DQ nodes, for TensorRT on boards with INT8 units",
    "int8-cpu": "the network with Q/DQ nodes, for ONNX Runtime on a CPU",
}
PIXELS = ";\n  images are kept as pixels, and the network is given `levels[channel, pixel]` of them"
# By where ONNX Runtime computes the file for CPUs exactly.
PROCESSORS = {
    "any": "It is exact on every processor: no sum of its products saturates.",
    "vnni": "Its 8-bit weights are exact on ARM and on x86 with VNNI or AMX.\nOn x86 with AVX2 or AVX-512 and without "
    "these, sums of products saturate at 16 bits and answers are wrong, unless the\nsession has the entry "
    '`session.x64quantprecision` = "1", which is slower.',
}


def readme(manifest: dict[str, Any], presentation: Presentation) -> str:
    """The text of README.md.

    Args:
        manifest: from `build_manifest`.
        presentation: of the form of the bundle's outputs.
    """
    from jinja2 import Environment, StrictUndefined

    # Not HTML: nothing is escaped.
    environment = Environment(
        autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["figure"] = lambda value, form: "-" if value is None else format(value, form)
    template = environment.from_string(
        files("edgesynth.export.bundle.readme").joinpath("bundle.md").read_text(encoding="utf-8")
    )
    return template.render(
        m=manifest,
        fp32=manifest["models"]["fp32"],
        kinds=KINDS,
        processors=PROCESSORS,
        speed=_speed(manifest),
        built=_built(manifest),
        output_text=presentation.output_text.format(*manifest["output"]["shape"]),
        decoder=presentation.decoder,
        tensorrt_note=presentation.tensorrt_note,
        shape="x".join(map(str, manifest["input"]["shape"])),
        constraints=constraints(manifest),
        pixels=PIXELS if manifest["samples"]["pixels"] else "",
        trtexec=functools.partial(trtexec, manifest),
        python=onnxruntime_python(manifest, presentation),
    )


def _speed(manifest: dict[str, Any]) -> tuple[str, ...]:
    """What was measured of the INT8 file for CPUs, in sentences; none where nothing was."""
    facts = manifest["models"].get(INT8_CPU, {}).get("speed")
    return () if facts is None else Speed.from_json(facts).sentences()


def _built(manifest: dict[str, Any]) -> str:
    """What NVIDIA's compiler made of the INT8 file, in a sentence; empty where it was not asked."""
    facts = manifest["models"].get("int8", {}).get(BUILT_KEY)
    return "" if facts is None else Built.from_json(facts).sentence()
