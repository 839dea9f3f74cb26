"""Strength: what makes a synapse or a cluster likely to be passed on.

A strength turns the parent into viabilities: numbers at most 0, one for each synapse and each cluster, of which the DNA
takes the exponential. Adding one means adding a file and a line to `STRENGTHS`.
"""

from edgesynth.evolution.strength.fisher import FisherStrength
from edgesynth.evolution.strength.magnitude import MagnitudeStrength
from edgesynth.evolution.strength.parent import Parent
from edgesynth.evolution.strength.random import RandomStrength

STRENGTHS = {"magnitude": MagnitudeStrength, "fisher": FisherStrength, "random": RandomStrength}

__all__ = ["STRENGTHS", "FisherStrength", "MagnitudeStrength", "Parent", "RandomStrength"]
