"""Anatomy: trace a network, find its cluster groups, count, remove, prove.

`tracing` exports the graph and walks it with one rule per op (`rules`). The rules write atoms and ties into `channels`.
`groups` sorts tied channels into cluster groups; `branches` finds the parts that can be removed as a whole. `anatomy`
counts and plans; `removal` cuts; `proof` compares.
"""

from edgesynth.anatomy.anatomy import Anatomy, Kept, Synapses
from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.census import Census, LayerCensus
from edgesynth.anatomy.groups import ClusterGroup, Member
from edgesynth.anatomy.memory_layout import choose_layout, in_layout
from edgesynth.anatomy.proof.proof import Proof, mask, prove
from edgesynth.anatomy.proof.prover import Prover, prove_groups
from edgesynth.anatomy.removal.removal import RemovalPlan, remove
from edgesynth.anatomy.scales import ScaleUse, output_scales, scale_uses
from edgesynth.anatomy.trace import trace
from edgesynth.anatomy.unit_sums import sum_over_clusters, sum_over_synapses

__all__ = [
    "Anatomy",
    "Branch",
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
