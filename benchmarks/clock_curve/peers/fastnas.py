"""FastNAS of NVIDIA's Model Optimizer (https://github.com/NVIDIA/Model-Optimizer, nvidia-modelopt 0.47.0).

Its mode "fastnas": the accuracy that each width of each layer costs is measured once, with normalization calibrated
anew, and the widths are taken below one threshold of that loss, which is searched for a bound of floating-point
operations. It knows no latency, so this bound is searched here. Its count of operations needs torchprofile 0.0.4.

Its tracer does not follow padded shortcuts: in our ResNets for 32x32 images it narrows what lies within the blocks.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError
from edgesynth.lineage import generator
from edgesynth.nurture import Batch, batches, score

RATIOS = tuple(twentieths / 20 for twentieths in range(1, 21))  # of the widths that it tries, its default
SCORED = 1000  # validation images
CALIBRATION_BATCHES, CALIBRATION_BATCH = 50, 16  # it calibrates with no fewer batches
HALVINGS = 8  # of the interval in which the bound is searched


class FastNas:
    """The peer; it keeps what it measured of a network for the next goal of the same network and seed."""

    def __init__(self) -> None:
        self._measured: dict[str, bytes] = {}

    def __call__(self, goal: Goal) -> nn.Module:
        """The ancestor with narrower layers.

        Raises:
            OutOfReachError: the narrowest network that it tries is too slow.
        """
        least_ms = goal.latency(goal.network)
        if least_ms <= goal.most_ms:
            return copy.deepcopy(goal.network)
        best, low, high = None, 0.0, 1.0
        for _ in range(HALVINGS):
            share = (low + high) / 2
            small = self._pruned(goal, share)
            if small is None:
                low = share
                continue
            latency_ms = goal.latency(small)
            least_ms = min(least_ms, latency_ms)
            if latency_ms <= goal.most_ms:
                best, low = small, share
            else:
                high = share
        if best is None:
            raise OutOfReachError("FastNAS", least_ms, goal)
        return best

    def _pruned(self, goal: Goal, share: float) -> nn.Module | None:
        """The network that it finds with at most a share of the operations; None if it has none as small."""
        from modelopt.torch import prune

        images = [batch.images for batch in islice(_batches(goal), CALIBRATION_BATCHES)]
        scored = goal.task.validation.part(torch.arange(min(SCORED, len(goal.task.validation.labels))))
        with tempfile.TemporaryDirectory() as folder:
            checkpoint, key = Path(folder) / "fastnas.pth", _digest(goal)
            if key in self._measured:
                checkpoint.write_bytes(self._measured[key])
            try:
                network, state = prune.prune(
                    copy.deepcopy(goal.network),
                    mode=[("fastnas", _widths(goal.round_to))],
                    constraints={"flops": f"{100 * share:.4f}%"},
                    dummy_input=torch.zeros(1, *goal.task.input_shape),
                    config={
                        "checkpoint": str(checkpoint),
                        "data_loader": images,
                        "collect_func": lambda images: images,
                        "score_func": lambda network: score(network, goal.task, scored),
                        "verbose": False,
                    },
                )
            except ValueError as error:
                if "constraints" not in str(error):
                    raise
                return None
            self._measured[key] = checkpoint.read_bytes()
        return network.eval() if state["best"]["is_satisfied"] else None


def _batches(goal: Goal) -> Iterator[Batch]:
    return batches(goal.task, CALIBRATION_BATCH, generator(goal.seed, 0, 0, "calibration"))


def _widths(round_to: int) -> dict[str, dict[str, dict[str, object]]]:
    """Its search space: its own ratios at multiples of a number instead of 32."""
    convolution = {"channels_ratio": RATIOS, "kernel_size": (), "channel_divisor": round_to}
    features = {"features_ratio": RATIOS, "feature_divisor": round_to}
    return {"nn.Conv2d": {"*": convolution}, "nn.BatchNorm2d": {"*": features}, "nn.Linear": {"*": features}}


def _digest(goal: Goal) -> str:
    """What the measured losses depend on."""
    hashed = hashlib.sha256(f"{goal.task.name} {goal.round_to} {goal.seed}".encode())
    for name, tensor in goal.network.state_dict().items():
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()
