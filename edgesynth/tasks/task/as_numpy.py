"""Tensors as numpy arrays, which the metrics take."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def as_numpy(values: Tensor) -> np.ndarray:
    """The values of a tensor on any device, with or without gradients; bfloat16 becomes float32."""
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
