"""A network of which there is nothing but an ONNX file, to be called like any other `torch.nn.Module`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.errors import UserError


class OnnxNetwork(nn.Module):
    """Runs the plain FP32 model of a bundle, or an ONNX file, by ONNX Runtime on the CPU.

    A bundle holds no class of a network, so no layers can be rebuilt from it: this module has no parameters and no
    gradients, and cannot be trained.

    Args:
        path: the bundle's folder, or an `.onnx` file with one float32 input.
        batch: images per call, where the file says no number; the module then takes any.

    Raises:
        UserError: there is no such file, or it is damaged, has no FP32 model, or ONNX Runtime refuses it.
    """

    def __init__(self, path: str, batch: int | None = None) -> None:
        super().__init__()
        target = open_target(path, samples=False)
        key = "fp32" if target.is_bundle else next(iter(target.models))
        if key not in target.models:
            raise UserError(f"{path} has no model {key} (it has {', '.join(target.models)}); export it again")
        self.path = target.models[key].path
        self._given = (path, batch)
        self._engine = OnnxRuntime(exact=True)
        self._engine.load(self.path, "fp32", batch or target.batch or 1, torch.get_num_threads())
        self.training = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image."""
        return self._engine.input_shape

    def forward(self, images: Tensor) -> Tensor:
        """The model's first output, (N, ...), on the CPU and detached.

        Args:
            images: (N, C, H, W), float32, preprocessed as the bundle's manifest says; N is the file's where that is
                fixed.
        """
        return torch.from_numpy(self._engine.run(images.detach().float().cpu().contiguous().numpy()))

    def train(self, mode: bool = True) -> OnnxNetwork:
        """Refuse to be trained; `eval()` is what the module is already.

        Raises:
            UserError: `mode` is true.
        """
        if mode:
            raise UserError(
                f"{self.path} is an ONNX file and cannot be trained; load the individual of its run, such as "
                "edgesynth.load('runs/NAME:g003-c1'), which is rebuilt from its own class"
            )
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        return OnnxNetwork(*self._given)
