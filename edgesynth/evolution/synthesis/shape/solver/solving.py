"""Solve: the shape that keeps the most worth while all amounts are within their limits."""

from __future__ import annotations

import logging

import numpy as np
from scipy.optimize import OptimizeResult

from edgesynth.evolution.synthesis.shape.solver.descent import State, descend
from edgesynth.evolution.synthesis.shape.solver.problem import Problem
from edgesynth.evolution.synthesis.shape.solver.program import Program
from edgesynth.evolution.synthesis.shape.solver.shape import Shape, read_shape
from edgesynth.evolution.synthesis.shape.solver.staircase import staircase_ends
from edgesynth.evolution.synthesis.shape.solver.tables import Tables
from edgesynth.evolution.synthesis.shape.solver.unreachable import unreachable

LOG = logging.getLogger(__name__)
TOLERANCE = 1e-5  # share of a limit, several times the share by which the solver may exceed it
NODES, GAP = 300, 1e-6
INFEASIBLE = 2  # status of scipy.optimize.milp


def solve(problem: Problem, nodes: int = NODES, gap: float = GAP) -> Shape:
    """Choose widths and branches by a mixed-integer program, or by descent where that comes out better.

    Args:
        problem: what there is to choose from.
        nodes: limit of nodes of the solver's search tree, after which it returns the best so far. With a limit of time
            a shape would depend on the machine's load, and a lineage could not be replayed.
        gap: relative gap between the best shape and the bound, at which the solver stops; 0 proves the optimum.

    Returns:
        A shape that meets all limits. Its amounts are read from the tables, not from the solver.

    Raises:
        UnreachableError: no shape meets them.
    """
    tables = Tables.of(staircase_ends(problem))
    greedy = descend(tables)
    program = Program.of(tables)
    result = program.solve(tables.limits, -program.worth(), nodes, gap)
    if result.status == INFEASIBLE and greedy is None:
        raise unreachable(program)
    chosen = None if result.x is None else _exact(tables, program.state(result.x))
    if chosen is None and greedy is None:
        chosen = _any(program)
    state = max((each for each in (chosen, greedy) if each is not None), key=lambda each: tables.worth(*each))
    shape = read_shape(tables, *state, _bound(problem, result))
    LOG.debug(
        "shape worth %.6g of at most %.6g, by %s, %d variables",
        shape.worth,
        shape.bound,
        "descent" if state is greedy else "the integer program",
        len(program.integer),
    )
    return shape


def _bound(problem: Problem, result: OptimizeResult) -> float:
    """Upper bound of the worth of any shape: the solver's, or the worth of all groups and branches together."""
    bound = result.mip_dual_bound
    if result.status != INFEASIBLE and bound is not None and np.isfinite(bound):
        return -float(bound)
    groups = sum(float(group.worth[-1]) for group in problem.groups.values())
    return groups + sum(max(branch.worth, 0.0) for branch in problem.branches.values())


def _exact(tables: Tables, state: State) -> State | None:
    """The solver's shape, or a smaller one by descent if the solver's tolerance let it exceed a limit."""
    return state if tables.meets(tables.amounts(*state)) else descend(tables, state)


def _any(program: Program) -> State:
    """Any shape that meets the limits, however long that takes.

    Raises:
        UnreachableError: there is none.
    """
    nothing, limits = np.zeros(len(program.integer)), program.tables.limits
    for tighter in (0.0, TOLERANCE):
        result = program.solve(limits - tighter * np.abs(limits), nothing, None, gap=0)
        state = None if result.x is None else _exact(program.tables, program.state(result.x))
        if state is not None:
            return state
    raise unreachable(program)
