"""Where a network is trained, and in what number format it computes.

A GPU is taken where there is one, with bfloat16. On a CPU bfloat16 pays only where the processor multiplies more of it
at a time than of float32, by AMX tiles or by AMD's AVX512-BF16, and only for networks that are large enough. Measured
on one core, batches of 128, a training step of residual networks on 32x32 in fp32 over bf16:

- AMD EPYC (Zen 5): 1.2 times as long at 0.9 M MACs an input, 1.4 at 3 M and 10 M, 2.4 at 12 M, 1.8 at 41 M, 2.3 at
  49 M. From `WORTH_BF16` on a lineage's time is at stake; below, half of the gain and seconds are, and what is rounded
  away is a larger share of a small network's answers.
- Intel Xeon (Emerald Rapids) without AMX: 1.0 at 41 M, 0.76 at 125 M, and 0.68 for an AlexNet of 226 M. One unit
  multiplies bf16 there where two multiply float32, so the way into bf16 and back is for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from edgesynth.errors import UserError
from edgesynth.tasks import Split, Stored, Task

CPU = torch.device("cpu")
CPU_INFO = Path("/proc/cpuinfo")
WORTH_BF16 = 10_000_000  # MACs an input, on a CPU

MOST_RESIDENT = 0.5  # share of a GPU's free memory that the training split may take


@dataclass(frozen=True)
class Hardware:
    """A device and a number format.

    Attributes:
        device: where weights and batches lie; random draws are made on the CPU on any device.
        autocast: what layers compute in while they train; None is the weights' own format.
    """

    device: torch.device = CPU
    autocast: torch.dtype | None = None

    def forward(self, network: nn.Module, images: Tensor) -> Tensor:
        """Outputs of a network in training; the loss sees them in float32."""
        with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
            outputs = network(images)
        return outputs.float() if self.autocast else outputs

    def to_json(self) -> dict[str, str]:
        """Plain values, such as {"device": "cpu", "autocast": "none"}."""
        return {"device": self.device.type, "autocast": "bf16" if self.autocast else "none"}


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is a GPU.

    Raises:
        UserError: CUDA was asked for and torch finds none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "--device is cuda and torch finds no GPU: install the driver and a torch that is built for CUDA, "
            "or use --device auto or cpu"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_autocast(name: str, device: torch.device, macs: int) -> torch.dtype | None:
    """The number format that layers compute in; `auto` is bfloat16 where the device has it and the network is worth it.

    Args:
        name: auto, none or bf16.
        device: where it trains.
        macs: multiply-accumulates of one input.
    """
    if name == "auto":
        on_cpu = macs >= WORTH_BF16 and _cpu_gains_by_bf16()
        fast = torch.cuda.is_bf16_supported(False) if device.type == "cuda" else on_cpu
        name = "bf16" if fast else "none"
    return torch.bfloat16 if name == "bf16" else None


def _cpu_gains_by_bf16() -> bool:
    return _cpu_has("amx_tile") or (_cpu_has("avx512_bf16") and _cpu_is_amd())


def _cpu_has(unit: str) -> bool:
    # torch has no public name for this; a version that drops these trains in float32.
    ask = getattr(torch.cpu, f"_is_{unit}_supported", None)
    return ask is not None and ask()


def _cpu_is_amd() -> bool:
    return "AuthenticAMD" in CPU_INFO.read_text() if CPU_INFO.is_file() else False


def device_of(network: nn.Module) -> torch.device:
    """Where a network lies."""
    return next((parameter.device for parameter in network.parameters()), CPU)


def resident(task: Task, device: torch.device) -> Task:
    """The task with its training split on the device, if it lies in memory and takes at most half of
    what is free there.
    """
    tensors = [tensor for tensor in task.train if not isinstance(tensor, Stored)]
    if device.type == "cpu" or len(tensors) < len(task.train):
        return task
    needed = sum(tensor.nbytes for tensor in tensors)
    if needed > MOST_RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return task
    return replace(task, train=Split(*(tensor.to(device) for tensor in tensors)))


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Within it, CUDA takes only algorithms that give the same bits again; an op that has none warns by its name."""
    if device.type == "cpu":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    mode = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False  # it picks the fastest algorithm, which may be another one next time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Within it, torch's global sources on CPU and device (dropout draws from them) start at a seed."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
