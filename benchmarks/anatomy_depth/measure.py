"""One network: branches and channels cut together, proven, exported, run, counted."""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from benchmarks.anatomy_depth.networks import build, example, pixels
from benchmarks.anatomy_depth.nodes import counted, expected
from edgesynth.anatomy import Anatomy, prove, prove_groups, remove, trace

OPSET = 18
ONNX_TOLERANCE = 1e-4  # of the largest output, in fp32


def measure(name: str) -> dict[str, Any]:
    """Figures of a network."""
    start = time.monotonic()
    model, images = build(name), example(name)
    whole = counted(exported(model, images).graph)
    exact = (images.double(),)
    model.double()
    traced = trace(model, exact)
    anatomy = prove_groups(model, traced, exact)
    kept = random_half(anatomy)
    dead = [branch for branch in anatomy.branches if kept.get(branch.name) == []]
    proof = prove(model, anatomy, kept, exact)
    before, after = anatomy.census(), anatomy.census(kept)
    small = remove(model, anatomy.plan(kept)).float()
    left = {name for name, _ in small.named_parameters()} & {name for branch in dead for name in branch.parameters}
    file = exported(small, images)
    difference = onnx_difference(file, small, images)
    nodes = counted(file.graph)
    del small, file
    ends = {name for branch in dead for name in branch.ends}
    wanted = expected(exported(model.float(), images).graph, ends)
    flaws = [
        "" if proof else f"proof: {proof.flaw}",
        "" if difference <= ONNX_TOLERANCE else f"ONNX Runtime differs by {difference:.0e}",
        "" if nodes == wanted else f"nodes {nodes}, wanted {wanted}",
        f"parameters of dead branches are left: {', '.join(sorted(left))}" if left else "",
    ]
    failure = "; ".join(filter(None, flaws))
    return {
        "status": "wrong" if failure else "proven",
        "failure": failure,
        "pixels": pixels(name),
        "branches": len(anatomy.branches),
        "removable": len(anatomy.removable_branches),
        "protected_by_proof": len(traced.removable_branches) - len(anatomy.removable_branches),
        "reasons": sorted({branch.reason for branch in anatomy.branches if branch.reason}),
        "removed": len(dead),
        "groups": len(kept) - len(dead),
        "proof_max_rel": proof.max_rel,
        "onnx_max_rel": difference,
        "nodes_whole": whole,
        "nodes_wanted": wanted,
        "nodes_after": nodes,
        "macs": before.macs,
        "macs_after": after.macs,
        "params": before.params,
        "params_after": after.params,
        "seconds": time.monotonic() - start,
    }


def random_half(anatomy: Anatomy) -> dict[str, list[int]]:
    """Half of the units of every removable group, and no unit of half of the removable branches: the same each time."""
    source = torch.Generator().manual_seed(2)
    kept = {group.name: _half(range(group.size), source) for group in anatomy.removable if group.size > 1}
    names = [branch.name for branch in anatomy.removable_branches]
    return {**kept, **{names[place]: [] for place in _half(range(len(names)), source)}}


def _half(units: Sequence[int], source: torch.Generator) -> list[int]:
    return sorted(torch.randperm(len(units), generator=source)[: (len(units) + 1) // 2].tolist())


def exported(model: nn.Module, images: Tensor) -> onnx.ModelProto:
    """The network as an ONNX file, node by node: nothing is fused or folded, and parameters keep their names."""
    written = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.backends.mha.set_fastpath_enabled(False)
        torch.onnx.export(
            model,
            (images,),
            written,
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return onnx.load_from_string(written.getvalue())


def onnx_difference(file: onnx.ModelProto, model: nn.Module, images: Tensor) -> float:
    """Largest difference of what ONNX Runtime gives from what torch gives, over torch's largest magnitude."""
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        wanted = model(images).numpy()
    return float(np.abs(given - wanted).max() / np.abs(wanted).max())
