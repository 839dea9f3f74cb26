"""Attention as one op: a head lives or dies whole."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule
from edgesynth.anatomy.rules.products.contraction import contract, give_up


@rule("scaled_dot_product_attention")
def scaled_dot_product_attention(call: Call) -> Value:
    """softmax(q k^T / sqrt(width)) v on (..., length, width).

    The width of a head is in the scale, so no part of a head may go; whole heads may, for a dead head gives zero.
    """
    query, key, value = (call.args[name] for name in ("query", "key", "value"))
    rank = len(query.value.shape)
    if {len(operand.value.shape) for operand in (query, key, value)} != {rank} or call.args.get("enable_gqa"):
        return give_up(call, "attention of unlike ranks")
    for operand in (query, key):
        _whole_heads(call, operand)
    batch = "abcdefgh"[: rank - 2]
    length = key.value.shape[-2]
    scores_shape = (*query.value.shape[:-1], length)
    scores = contract(call, [query, key], [batch + "me", batch + "ne"], batch + "mn", scores_shape)
    weights = Operand(Value(scores_shape, scores.atoms, None, call.where), None, query.dtype)
    return contract(call, [weights, value], [batch + "mn", batch + "nv"], batch + "mv", call.shape)


def _whole_heads(call: Call, operand: Operand) -> None:
    atoms = operand.value.atoms
    if atoms is not None:
        first = np.take(atoms, [0], axis=-1)
        call.channels.tie(
            np.broadcast_to(first, atoms.shape), atoms, f"part of a head that cannot be cut ({call.where})"
        )
