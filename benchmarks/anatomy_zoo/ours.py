"""One network of the zoo through edgesynth's anatomy: trace, cut half, prove, count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.anatomy_zoo.networks import build, example
from edgesynth.anatomy import Anatomy, prove, prove_groups, remove, trace

OUTPUT = "output of the network"
Clock = Callable[[], float]


def seconds(name: str, clock: Clock) -> dict[str, float]:
    """Seconds to trace a network, to cut half out and to prove it in fp32, after a warm-up on two layers."""
    model, images = build(name), (example(name),)
    trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)), (torch.zeros(1, 3, 8, 8),))
    start = clock()
    anatomy = trace(model, images)
    traced = clock()
    kept = halves(anatomy)
    remove(model, anatomy.plan(kept))
    removed = clock()
    prove(model, anatomy, kept, images)
    return {"trace_s": traced - start, "remove_s": removed - traced, "prove_s": clock() - removed}


def measure(name: str) -> dict[str, Any]:
    """Figures of a network.

    The proof is made in fp64, and in fp32 only where the network takes nothing else. Groups that break it are
    protected, and the rest is proven again: `protected_by_proof` counts them.
    """
    model, images = build(name), (example(name),)
    anatomy = trace(model, images)
    kept = halves(anatomy)
    row: dict[str, Any] = {
        "protected_by_proof": 0,
        "max_rel_fp32": _finite(prove(model, anatomy, kept, images).max_rel),
    }
    model, exact = _in_double(model, images)
    proof = prove(model, anatomy, kept, exact)
    if not proof:
        row["first_proof"] = {"max_rel": _finite(proof.max_rel), "failure": proof.failure}
        before = len(anatomy.removable)
        anatomy = prove_groups(model, anatomy, exact)
        row["protected_by_proof"] = before - len(anatomy.removable)
        kept = halves(anatomy)
        proof = prove(model, anatomy, kept, exact)
    model, dtype = model.float(), str(exact[0].dtype).removeprefix("torch.")
    whole, cut, channels = anatomy.census(), anatomy.census(kept), anatomy.removable_channels()
    counted = flop_macs(model, images)
    return {
        **row,
        "status": "wrong" if not proof else "proven",
        "proof": {"dtype": dtype, "max_rel": _finite(proof.max_rel), "failure": proof.failure},
        "channels": {weight: list(pair) for weight, pair in channels.items()},
        "removable_share": sum(part for part, _ in channels.values()) / sum(all_ for _, all_ in channels.values()),
        "groups": len(anatomy.groups),
        "protected": reasons(anatomy),
        "output_layers": outputs(anatomy),
        "macs": whole.macs,
        "macs_after": cut.macs,
        "params": whole.params,
        "params_after": cut.params,
        "flop_counter_macs": counted,
        "macs_agree": abs(whole.macs / counted - 1) <= 0.01,
    }


def halves(anatomy: Anatomy) -> dict[str, list[int]]:
    """Half of the units of every removable group, at random; the same at every call."""
    source = torch.Generator().manual_seed(2)
    return {
        group.name: sorted(torch.randperm(group.size, generator=source)[: (group.size + 1) // 2].tolist())
        for group in anatomy.removable
        if group.size > 1
    }


def flop_macs(model: nn.Module, images: tuple[Tensor, ...]) -> int:
    """Multiply-accumulates of one forward as torch's own counter sees them, products of activations included.

    Attention is counted spelt out: the counter knows no multiply-accumulates of its fused forms on a CPU.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
            model(*images)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops() // 2


def reasons(anatomy: Anatomy) -> dict[str, int]:
    """{why: output channels that are protected for it}, without the names of places."""
    channels: Counter[str] = Counter()
    for group in anatomy.groups:
        if group.removable and group.size > 1:
            continue
        reason = group.reason.split("; ")[0] or "a single unit, and one must stay"
        reason = re.sub(r" in [\w.#]+\.\w+|(?<= in )[\w.#]+\.\w+", "", reason)
        channels[reason] += sum(int((member.units >= 0).sum()) for member in group.writers())
    return {reason: count for reason, count in channels.most_common() if count}


def outputs(anatomy: Anatomy) -> list[str]:
    """Layers whose channels the network puts out: what a user of either tool must leave whole."""
    layers = {
        writer.parameter.rpartition(".")[0]: None
        for group in anatomy.groups
        if OUTPUT in group.reason
        for writer in group.writers()
    }
    return list(layers)


def _in_double(model: nn.Module, images: tuple[Tensor, ...]) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network and its inputs in fp64, or as they were where its forward takes nothing else."""
    exact = tuple(image.double() for image in images)
    try:
        with torch.no_grad():
            model.double()(*exact)
    except RuntimeError:
        return model.float(), images
    return model, exact


def _finite(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None
