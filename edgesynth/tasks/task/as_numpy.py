"""Outputs and labels as a metric takes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def as_numpy(values: Tensor) -> np.ndarray:
    """The values of a tensor, wherever it lies and whether gradients flow through it; bfloat16 as float32."""
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
