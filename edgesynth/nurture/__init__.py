"""Nurture: the training loop, teaching by the ancestor, what else acts on weights in training, and what the loss says
of each synapse.
"""

from edgesynth.nurture.batches import Batch, batches
from edgesynth.nurture.callbacks.averaging import MovingAverage
from edgesynth.nurture.callbacks.callback import Callback
from edgesynth.nurture.callbacks.dead_synapses import DeadSynapses
from edgesynth.nurture.callbacks.rewind_point import RewindPoint
from edgesynth.nurture.callbacks.stress import Schedule, Stress
from edgesynth.nurture.callbacks.survival_probability import living_groups
from edgesynth.nurture.divergence import DivergenceError
from edgesynth.nurture.gradients import squared_gradients, summed_products
from edgesynth.nurture.hardware import Hardware, choose_autocast, choose_device, reproducible, resident
from edgesynth.nurture.inference.collect_outputs import collect_outputs
from edgesynth.nurture.inference.inference_batch import inference_batch
from edgesynth.nurture.newborn import newborn, undrawn
from edgesynth.nurture.reestimation import reestimate
from edgesynth.nurture.single_image_check import check_batch_size
from edgesynth.nurture.teacher.distillation import distillation_loss
from edgesynth.nurture.teacher.features import FeatureDistance, Places
from edgesynth.nurture.teacher.teaching import Teacher
from edgesynth.nurture.training import Recipe, nurture, outputs, score, score_outputs
from edgesynth.quantization import Quantizers

__all__ = [
    "Batch",
    "Callback",
    "DeadSynapses",
    "DivergenceError",
    "FeatureDistance",
    "Hardware",
    "MovingAverage",
    "Places",
    "Quantizers",
    "Recipe",
    "RewindPoint",
    "Schedule",
    "Stress",
    "Teacher",
    "batches",
    "check_batch_size",
    "choose_autocast",
    "choose_device",
    "collect_outputs",
    "distillation_loss",
    "inference_batch",
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
