"""What `plan`, trtcheck, and NVIDIA's own parser and builder say of one ONNX file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.planning.compiler.building import Compiled, compile_graph
from edgesynth.planning.compiler.products import int8_share
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of

TENSORRT = (10, 3)  # of JetPack 6.2, and the newest that trtcheck knows
TRTCHECK = "1.1.0"
_WORDS = 300  # characters


def verdicts(files: Mapping[str, Path], trtcheck: str) -> dict[str, Any]:
    """The three verdicts on each file, and its engine's figures, by the file's name.

    Args:
        files: path by name.
        trtcheck: the Python that has it.
    """
    told = peer(list(files.values()), trtcheck)
    return {name: {**verdict(path), "trtcheck": its} for (name, path), its in zip(files.items(), told, strict=True)}


def verdict(path: Path) -> dict[str, Any]:
    """What `plan` and the judge say of a file."""
    graph = read_graph(str(path))
    findings = check_graph(graph, parser_of(TENSORRT))
    fatal = [str(finding) for finding in findings if finding.fatal]
    compiled = compile_graph(graph)
    return {
        "opset": graph.opset,
        "plan": {"refused": bool(fatal), "says": "; ".join(fatal)[:_WORDS], "notes": len(findings) - len(fatal)},
        "judge": {"parsed": not compiled.refusals, "built": compiled.is_built, "says": compiled.reason[:_WORDS]},
        "engine": engine(compiled) if compiled.is_built else None,
    }


def peer(paths: list[Path], trtcheck: str) -> list[dict[str, str]]:
    """Verdict of trtcheck on each file: likely, unverified or blocked; and what it blocks for.

    Raises:
        UserError: the Python has no trtcheck, or another version of it.
    """
    call = [trtcheck, "-m", "benchmarks.compiler_zoo.peer", ".".join(map(str, TENSORRT)), *map(str, paths)]
    result = subprocess.run(call, capture_output=True, text=True, timeout=600)
    if result.returncode:
        raise UserError(
            f"{trtcheck} has no trtcheck: pip install trtcheck=={TRTCHECK} ({result.stderr.strip()[-200:]})"
        )
    told = json.loads(result.stdout)
    if told["version"] != TRTCHECK:
        raise UserError(f"{trtcheck} has trtcheck {told['version']}; the study is of {TRTCHECK}")
    return [{"verdict": each["verdict"], "says": each["says"][:_WORDS]} for each in told["verdicts"]]


def engine(compiled: Compiled) -> dict[str, Any]:
    """Figures of what was built."""
    products = compiled.products
    counted = [product for product in products if product.macs is not None]
    return {
        "version": compiled.version,
        "gpu": compiled.gpu,
        "kernels": compiled.kernels,
        "weights_bytes": compiled.weights_bytes,
        "build_s": compiled.build_s,
        "products": len(products),
        "asked": sum(product.asked for product in products),
        "in_int8": sum(product.precision == "int8" for product in products),
        "asked_in_vain": [
            f"{product.op} {product.node}: {product.precision}" for product in products if product.refused
        ],
        "padded": [f"{product.node}: {product.padded}" for product in products if product.padded],
        "asked_share": _share(counted, "asked"),
        "int8_share": int8_share(products),
    }


def _share(products: list[Any], attribute: str) -> float | None:
    every = sum(product.macs for product in products)
    return sum(product.macs for product in products if getattr(product, attribute)) / every if every else None
