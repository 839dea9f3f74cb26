"""Teaching by the ancestor (Hinton et al., arXiv 1503.02531), whatever its answers are."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from edgesynth.tasks import Teaching

TEMPERATURE = 4.0


def distillation_loss(
    outputs: Tensor, taught: Tensor, temperature: float = TEMPERATURE, teaching: Teaching = "classes"
) -> Tensor:
    """How far a pupil's answers are from the teacher's.

    Args:
        outputs: the pupil's, (N, ...).
        taught: the teacher's, of the same shape.
        temperature: both are divided by it; above 1 it shows what the teacher takes the wrong classes for. Numbers have
            none.
        teaching: what the answers are; see `Task.teaching`.

    Returns:
        Of classes and logits the mean divergence in nats times the square of the temperature, over images and places;
        of numbers the mean squared distance.
    """
    if teaching == "numbers":
        return F.mse_loss(outputs, taught)
    if teaching == "logits":
        pupil, share = outputs / temperature, (taught / temperature).sigmoid()
        # Less the teacher's own entropy: a pupil that answers alike has a loss of zero.
        entropy = F.binary_cross_entropy_with_logits(taught / temperature, share)
        return (F.binary_cross_entropy_with_logits(pupil, share) - entropy) * temperature**2
    pupil = F.log_softmax(_rows(outputs) / temperature, dim=1)
    teacher = F.log_softmax(_rows(taught) / temperature, dim=1)
    return F.kl_div(pupil, teacher, log_target=True, reduction="batchmean") * temperature**2


def _rows(outputs: Tensor) -> Tensor:
    """(places, classes) of (N, classes, ...)."""
    return outputs.movedim(1, -1).reshape(-1, outputs.shape[1])
