"""Tiny networks of one kind of op each through the anatomy, and through Torch-Pruning beside it.

    python -m benchmarks.anatomy_ops.run

Half of every group that can be cut is cut, by both, and the cut network is compared with the masked one. The share is
of the channels of layers, those of the last included; MACs of both are counted by this census, before over after.
Results go to result.json and to the table in README.md, both beside this script. Needs torch-pruning.
"""

from __future__ import annotations

import argparse
import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from benchmarks.anatomy_ops.networks import NETWORKS, build
from benchmarks.anatomy_zoo.ours import halves, outputs, reasons
from benchmarks.anatomy_zoo.peer import Cuts, agreement, one_line, pruner_of, reach
from benchmarks.shared.tables import write_table
from edgesynth.anatomy import prove, prove_groups, trace
from edgesynth.anatomy.groups import layer_name
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Measure every network and write the results."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    rows = {}
    for name in NETWORKS:
        ours = measure(name)
        try:
            peer = measure_peer(name, ours["output_layers"], ours["channels"])
        except Exception as error:
            peer = {"status": "does not run", "failure": one_line(error)}
        rows[name] = {"ours": ours, "peer": peer}
        print(name, cells(rows[name]), flush=True)
    document = {"benchmark": "anatomy_ops", "torch": torch.__version__, "networks": rows}
    write_json(HERE / "result.json", document)
    write_table(HERE / "README.md", "anatomy_ops", table(document))


def measure(name: str) -> dict[str, Any]:
    """Figures of a network by this anatomy, proven in float64."""
    model, images = build(name)
    inputs = (images.double(),)
    anatomy = prove_groups(model, trace(model, images), (images,))
    kept = halves(anatomy)
    proof = prove(copy.deepcopy(model).double(), anatomy, kept, inputs)
    channels = anatomy.removable_channels()
    whole, cut = anatomy.census().macs, anatomy.census(kept).macs
    return {
        "status": "proven" if proof else "wrong",
        "max_rel": proof.max_rel if math.isfinite(proof.max_rel) else None,
        "channels": {weight: list(pair) for weight, pair in channels.items()},
        "share": _share(channels.values()),
        "protected": reasons(anatomy),
        "output_layers": outputs(anatomy),
        "macs": whole,
        "macs_after": cut,
        "macs_ratio": whole / cut,
    }


def measure_peer(name: str, output_layers: list[str], weights: dict[str, list[float]]) -> dict[str, Any]:
    """The same by Torch-Pruning, the output's layers ignored as its manual asks."""
    model, images = build(name)
    original, before = copy.deepcopy(_plain(build(name)[0])), trace(model, images).census().macs
    pruner = pruner_of(model, images, output_layers)
    names = {module: layer for layer, module in model.named_modules()}
    reached, cut = reach(pruner, names), Cuts(model)
    for group in pruner.step(interactive=True):
        cut.record(pruner, group, names)
        group.prune()
    shares = {}
    for weight, (_, clusters) in weights.items():
        part, size = reached.get(layer_name(weight), (0, 1))
        shares[weight] = (part / size * clusters, clusters)
    row = {"share": _share(shares.values()), **agreement(cut.masked(original), model, images)}
    if row["status"] != "does not run":
        after = trace(model.float(), images).census().macs
        row.update(macs_after=after, macs_ratio=before / after)
    return row


def _share(channels: Any) -> float:
    parts, sizes = zip(*channels, strict=True)
    return sum(parts) / sum(sizes)


def _plain(model: nn.Module) -> nn.Module:
    """The network with plain weights where torch's tools compute them, so that rows can be masked; in place."""
    for module in model.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
        elif isinstance(getattr(module, "weight_mask", None), Tensor):
            prune.remove(module, "weight")
    return model


def cells(pair: dict[str, Any]) -> list[str]:
    """Share, MACs and verdict of both."""
    return [text for row in pair.values() for text in _three(row)]


def _three(row: dict[str, Any]) -> tuple[str, str, str]:
    share = f"{100 * row['share']:.0f} %" if "share" in row else ""
    ratio = f"{row['macs_ratio']:.2f}x" if "macs_ratio" in row else ""
    failure = f": {row['failure']}" if row.get("failure") else ""
    return share, ratio, f"{row['status']}{failure}".replace("|", "/")


def table(document: dict[str, Any]) -> str:
    """Markdown of all networks."""
    rows = document["networks"]
    lines = [
        "| kind of op | can be cut | MACs at half | against the masked network | Torch-Pruning can cut | MACs at half "
        "| against the masked network |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join([name, *cells(pair)]) + " |" for name, pair in rows.items()]
    right = [pair for pair in rows.values() if pair["peer"]["status"] == "equal"]
    behind = [pair for pair in right if pair["ours"]["macs_ratio"] < pair["peer"]["macs_ratio"] * 0.999]
    proven = sum(pair["ours"]["status"] == "proven" for pair in rows.values())
    lines += [
        "",
        f"- edgesynth: {proven} of {len(rows)} proven. Torch-Pruning: {len(right)} equal to the masked network; of "
        f"those it cuts more of {len(behind)}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
