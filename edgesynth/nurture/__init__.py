"""Nurture: the training loop, teaching by the ancestor, what else acts on weights in training, and what the loss says
of each synapse.
"""

from edgesynth.nurture.averaging import MovingAverage
from edgesynth.nurture.batches import Batch, batches
from edgesynth.nurture.chances import living_groups
from edgesynth.nurture.chunks import chunk_of
from edgesynth.nurture.dead_synapses import DeadSynapses
from edgesynth.nurture.distillation import distillation_loss
from edgesynth.nurture.divergence import DivergenceError
from edgesynth.nurture.gathering import gathered
from edgesynth.nurture.hardware import Hardware, choose_autocast, choose_device, reproducible, resident
from edgesynth.nurture.influence import Influence
from edgesynth.nurture.lone import check_batch_size
from edgesynth.nurture.newborn import newborn, undrawn
from edgesynth.nurture.precision import Quantisers
from edgesynth.nurture.reestimation import reestimate
from edgesynth.nurture.sensitivity import squared_gradients, summed_products
from edgesynth.nurture.snapshot import Snapshot
from edgesynth.nurture.stress import Schedule, Stress
from edgesynth.nurture.teaching import Teacher
from edgesynth.nurture.training import Recipe, nurture, outputs, score, score_outputs

__all__ = [
    "Batch",
    "DeadSynapses",
    "DivergenceError",
    "Hardware",
    "Influence",
    "MovingAverage",
    "Quantisers",
    "Recipe",
    "Schedule",
    "Snapshot",
    "Stress",
    "Teacher",
    "batches",
    "check_batch_size",
    "choose_autocast",
    "choose_device",
    "chunk_of",
    "distillation_loss",
    "gathered",
    "living_groups",
    "newborn",
    "nurture",
    "outputs",
    "reestimate",
    "reproducible",
    "resident",
    "score",
    "score_outputs",
    "squared_gradients",
    "summed_products",
    "undrawn",
]
