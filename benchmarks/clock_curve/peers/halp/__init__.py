"""A knapsack of HALP's form (Shen et al., "Structural Pruning via Latency-Saliency Knapsack", NeurIPS 2022).

Written from the paper's description. As there:

- a channel is worth its first-order Taylor importance by its normalization, and all channels of the network compete
  (`importance`);
- the latency of a layer is read from a table by its input and output channels, the input channels as they are at the
  moment, and channels of a layer are grouped by the steps of its staircase (`staircase`);
- a knapsack keeps the groups that are worth most within the budget, the strong groups of a layer before its weak ones
  (`knapsack`);
- the budget falls in steps, and what is gone stays gone (`shrink`).

Two things differ. There the network is trained between the steps, here only after the last, because all peers get the
same training. There a group is priced by the layer that writes it, here by the layers that read it as well: an engine
that computes sixteen channels at a time gains nothing where it writes eight of them, but does where it reads eight, and
the narrow layers of ResNets for 32x32 images could not be narrowed otherwise.

No block is removed: every layer keeps its strongest group.
"""

from benchmarks.clock_curve.peers.halp.shrink import halp_knapsack

__all__ = ["halp_knapsack"]
