"""Nurture: the training loop, teaching by the ancestor, what else acts on weights in training, and what the loss says
of each synapse.
"""

from edgesynth.nurture.batches import Batch, batches
from edgesynth.nurture.callbacks.averaging import MovingAverage
from edgesynth.nurture.callbacks.callback import Influence
from edgesynth.nurture.callbacks.dead_synapses import DeadSynapses
from edgesynth.nurture.callbacks.rewind_point import Snapshot
from edgesynth.nurture.callbacks.stress import Schedule, Stress
from edgesynth.nurture.callbacks.survival_probability import living_groups
from edgesynth.nurture.divergence import DivergenceError
from edgesynth.nurture.gradients import squared_gradients, summed_products
from edgesynth.nurture.hardware import Hardware, choose_autocast, choose_device, reproducible, resident
from edgesynth.nurture.newborn import newborn, undrawn
from edgesynth.nurture.outputs.collect_outputs import gathered
from edgesynth.nurture.outputs.inference_batch import chunk_of
from edgesynth.nurture.reestimation import reestimate
from edgesynth.nurture.single_image_check import check_batch_size
from edgesynth.nurture.teacher.distillation import distillation_loss
from edgesynth.nurture.teacher.teaching import Teacher
from edgesynth.nurture.training import Recipe, nurture, outputs, score, score_outputs
from edgesynth.quantization import Quantizers

__all__ = [
    "Batch",
    "DeadSynapses",
    "DivergenceError",
    "Hardware",
    "Influence",
    "MovingAverage",
    "Quantizers",
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
