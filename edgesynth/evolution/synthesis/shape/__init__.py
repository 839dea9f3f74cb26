"""Shape: how many units each cluster group keeps, and which branches live, chosen by an integer program.

A network is narrowed so that the units and branches it keeps are worth the most while all budgets are met:

    costs = {"latency_ms": LayerCosts(table=times_ms, constant=0.1)}
    limits = {"latency_ms": 3.0, "macs": 40e6, "params": 200e3}
    problem = build_problem(anatomy, genome.kept, dna.clusters, limits, costs, round_to=8)
    shape = solve(problem)                                                 # UnreachableError if no shape meets them

`times_ms(layer, inputs, outputs)` gives the milliseconds of `anatomy.layers[layer]` for every pair of sizes of the two
channel dimensions of its weight, (n,) and (m,), as an (n, m) array. It is asked once for each layer.

A draw takes that many units of each group (`shape.widths`) and the branches that live (`shape.lives`). `Problem` is
plain data: another kind of network can be described without an `Anatomy`.
"""

from edgesynth.evolution.synthesis.shape.solver.problem import Amount, BranchChoice, GroupChoice, Problem, Term
from edgesynth.evolution.synthesis.shape.solver.shape import Shape
from edgesynth.evolution.synthesis.shape.solver.solving import solve
from edgesynth.evolution.synthesis.shape.solver.staircase import staircase_ends
from edgesynth.evolution.synthesis.shape.solver.unreachable import UnreachableError
from edgesynth.evolution.synthesis.shape.terms.building import build_problem
from edgesynth.evolution.synthesis.shape.terms.pricing import LayerCosts

__all__ = [
    "Amount",
    "BranchChoice",
    "GroupChoice",
    "LayerCosts",
    "Problem",
    "Shape",
    "Term",
    "UnreachableError",
    "build_problem",
    "solve",
    "staircase_ends",
]
