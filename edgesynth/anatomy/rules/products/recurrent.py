"""Recurrent layers: a unit is a row of every gate, of all layers and directions, and a column of what reads its state.

A unit whose rows and biases are zero stays at zero if it began there: in an LSTM the new cell is half the old, in a GRU
half the old state, whatever the other units do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgesynth.anatomy.channels import Atoms, Value, labeled
from edgesynth.anatomy.layers import LayerUse
from edgesynth.anatomy.rules.call import Call, Operand, rule
from edgesynth.anatomy.rules.products.contraction import give_up

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
CELLS = {f"{kind}_cell": gates for kind, gates in GATES.items()}


@dataclass(frozen=True)
class _Weights:
    """Parameters of one layer and direction; a projection makes the state of the cell smaller."""

    into: Operand
    over: Operand
    into_bias: Operand | None = None
    over_bias: Operand | None = None
    projection: Operand | None = None


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def recurrent(call: Call) -> list[Value]:
    """All layers and directions at once: (N, T, in) to (N, T, directions * hidden), and the last states.

    They have one width, so that a unit is cut from each of them.
    """
    if "params" not in call.args or "batch_sizes" in call.args:
        give_up(call, "a packed sequence")
        return [Value(shape) for shape in call.shapes]
    directions = 2 if call.args["bidirectional"] else 1
    blocks = _blocks(call.args["params"], call.args["num_layers"] * directions)
    states = call.args["hx"] if call.op == "lstm" else [call.args["hx"]]
    hidden, cells = _state_channels(call, blocks, states)
    read = call.tensor("input")
    for number, block in enumerate(blocks):
        _tie(call, block, read, hidden, cells)
        if number % directions == directions - 1:  # the next layer reads what all directions of this one give
            axis = len(call.shape) - 1
            read = labeled(call.shape, axis, np.tile(hidden, directions))
    ends = [
        labeled(shape, len(shape) - 1, units) for shape, units in zip(call.shapes[1:], (hidden, cells), strict=False)
    ]
    return [read, *ends]


@rule(*CELLS)
def cell(call: Call) -> list[Value]:
    """One step: (N, in) to (N, hidden); an LSTM has a cell beside its state."""
    weights, biases = (call.args["w_ih"], call.args["w_hh"]), (call.args.get("b_ih"), call.args.get("b_hh"))
    block = _Weights(*weights, *biases)
    states = call.args["hx"] if call.op == "lstm_cell" else [call.args["hx"]]
    hidden, _ = _state_channels(call, [block], states)
    _tie(call, block, call.tensor("input"), hidden, hidden)
    return [labeled(shape, len(shape) - 1, hidden) for shape in call.shapes]


def _blocks(params: list[Operand], count: int) -> list[_Weights]:
    """The parameters by layer and direction: two weights, two biases if there are any, a projection if there is one."""
    each = len(params) // count
    blocks = []
    for start in range(0, len(params), each):
        into, over, *others = params[start : start + each]
        first, second = others[:2] if len(others) >= 2 else (None, None)
        blocks.append(_Weights(into, over, first, second, others[-1] if len(others) % 2 else None))
    return blocks


def _state_channels(call: Call, blocks: list[_Weights], states: list[Operand]) -> tuple[Atoms, Atoms]:
    """Channels of the state, and of the cells where a projection lies between the two; known ones if they are bound."""
    over = blocks[0].over
    hidden = call.channels.fresh(over.value.shape[1])
    cells = call.channels.fresh(over.value.shape[0] // _gates(call)) if blocks[0].projection else hidden
    if cells is not hidden:
        call.channels.protect(cells, f"torch wants more cells than their projection has channels ({call.where})")
    for state, units in zip(states, (hidden, cells), strict=False):
        _begin(call, state, units)
    return hidden, cells


def _begin(call: Call, state: Operand, units: Atoms) -> None:
    """The state before the first step: zeros, or what must be zero where a unit is masked."""
    value = call.value(state)
    if value.is_filled() and value.constant == 0:
        return
    atoms = call.channel_atoms(value, len(value.shape) - 1)
    if atoms is None or value.constant != 0:
        call.channels.protect(units, f"begins with values that masking does not zero ({call.where})")
        call.protect(value, "a state that masking does not zero")
    else:
        call.channels.tie(atoms, units, f"begins with values that cannot be cut ({call.where})")


def _tie(call: Call, block: _Weights, read: Value, hidden: Atoms, cells: Atoms) -> None:
    rows = np.tile(cells, _gates(call))
    call.read(read, len(read.shape) - 1, block.into, 1, block.into_bias)
    call.bind(block.over, 1, hidden, "read")
    for weight in (block.into, block.over):
        call.bind(weight, 0, rows, "weight")
    for bias in (block.into_bias, block.over_bias):
        call.bind(bias, 0, rows, "emit")
    if block.projection is not None:
        call.bind(block.projection, 1, cells, "read")
        call.bind(block.projection, 0, hidden, "weight")


def _gates(call: Call) -> int:
    return {**GATES, **CELLS}[call.op]


def recurrent_layers(call: Call, batch: int) -> list[LayerUse]:
    """The weights of a recurrent layer or cell, each multiplied once at every step; none of any other call."""
    if call.op not in (*GATES, *CELLS):
        return []
    images, *others = call.operands()
    steps = max(1, math.prod(images.value.shape[:-1]) // batch)
    sources = [operand.weight() for operand in others if len(operand.value.shape) == 2]
    return [LayerUse(source.parameter, 0, 1, steps) for source in sources if source is not None and not source.buffer]
