"""Anatomy: trace a network, find its cluster groups, count, remove, prove.

The journey: `tracing` walks the exported graph with one rule per op (`rules`), which write atoms and ties into
`channels`; `groups` sorts them; `anatomy` plans and counts; `removal` cuts; `proof` compares.
"""

from edgesynth.anatomy.anatomy import Anatomy, Kept, Synapses, trace
from edgesynth.anatomy.census import Census, LayerCensus
from edgesynth.anatomy.groups import ClusterGroup, Member
from edgesynth.anatomy.layout import choose_layout, in_layout
from edgesynth.anatomy.proof import Proof, mask, prove
from edgesynth.anatomy.proving import Prover, prove_groups
from edgesynth.anatomy.removal import RemovalPlan, remove
from edgesynth.anatomy.scales import ScaleUse, output_scales, scale_uses
from edgesynth.anatomy.unit_sums import sum_over_clusters, sum_over_synapses

__all__ = [
    "Anatomy",
    "Census",
    "ClusterGroup",
    "Kept",
    "LayerCensus",
    "Member",
    "Proof",
    "Prover",
    "RemovalPlan",
    "ScaleUse",
    "Synapses",
    "choose_layout",
    "in_layout",
    "mask",
    "output_scales",
    "prove",
    "prove_groups",
    "remove",
    "scale_uses",
    "sum_over_clusters",
    "sum_over_synapses",
    "trace",
]
