"""Teaching by the ancestor (Hinton et al., arXiv 1503.02531)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 4.0


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Divergence of the teacher's softened classes from the pupil's, times the square of the temperature.

    Args:
        logits: the pupil's, (N, classes).
        taught: the teacher's, (N, classes).
        temperature: both are divided by it; above 1 it shows what the teacher takes the wrong classes for.

    Returns:
        Mean over the batch, in nats times temperature squared.
    """
    pupil = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(taught / temperature, dim=1)
    return F.kl_div(pupil, teacher, log_target=True, reduction="batchmean") * temperature**2
