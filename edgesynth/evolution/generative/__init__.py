"""Generative synthesis (Wong, Shafiee et al., arXiv 1809.05989): a generator of networks and its inquisitor.

Experimental: in `benchmarks/ablation` it ends below the calibrated environment.

    G* = argmax U(G(s))  subject to  1_r(G(s)) = 1  for all seeds s

The papers keep the generator, the inquisitor and what passes between them to themselves; these forms are ours. A cycle:
the `inquisitor` probes the network that is inherited from and moves the `generator`; the generator makes networks of a
size that the `descent` asks for; each is nurtured shortly and scored (`netscore_of`); what was seen teaches the
inquisitor; the best feasible network is nurtured in full and becomes the cycle's individual (`breeding`).
"""

from edgesynth.evolution.generative.breeding import GenerativeBreeder
from edgesynth.evolution.generative.loop import GenerativeEvolution
from edgesynth.evolution.generative.netscore import net_score

__all__ = ["GenerativeBreeder", "GenerativeEvolution", "net_score"]
