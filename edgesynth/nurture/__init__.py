"""Nurture: the training loop, teaching by the ancestor, and what the loss says of each synapse."""

from edgesynth.nurture.batches import Batch, batches
from edgesynth.nurture.distillation import distillation_loss
from edgesynth.nurture.precision import Quantisers
from edgesynth.nurture.sensitivity import squared_gradients, summed_products
from edgesynth.nurture.teaching import Teacher
from edgesynth.nurture.training import Recipe, nurture, outputs, score

__all__ = [
    "Batch",
    "Quantisers",
    "Recipe",
    "Teacher",
    "batches",
    "distillation_loss",
    "nurture",
    "outputs",
    "score",
    "squared_gradients",
    "summed_products",
]
