"""Power while a network runs: idle, and the energy of each operation and each byte.

Watts here are those of the published rows, "AP + DRAM": the processor with its memory, without the regulators, the
storage and the radio that the module's input rail (VDD_IN) has as well. A measured figure is higher.
"""

from typing import NamedTuple

from edgesynth.boards.board import Board, PowerMode


class Consumption(NamedTuple):
    """The free parameters of power, at the TX2's highest clock.

    Attributes:
        idle_w: power at the clocks of a run when nothing runs.
        pj_per_op: energy of an FP16 operation (a multiply-add is two), 1e-12 J.
        pj_per_byte: energy of a byte to or from the memory.
        exponent: power goes with this power of the GPU's clock, since the voltage rises with it; energy per operation
            with one less.
        tx1_factor: what the TX1 takes, at its highest clock, times what the TX2 takes at its own.
    """

    idle_w: float
    pj_per_op: float
    pj_per_byte: float
    exponent: float
    tx1_factor: float


# An FP16 operation is half of a packed one, which takes the place of one FP32 operation. No published power checks it.
_FP16_OPERATIONS = {"fp16": 1.0, "fp32": 2.0}


def watts(
    board: Board, mode: PowerMode, precision: str, ops_per_s: float, bytes_per_s: float, consumption: Consumption
) -> float | None:
    """Power of the processor and its memory; None for a board without a published power to fit.

    Args:
        board: of the table.
        mode: one of its power modes.
        precision: that the kernels have, "fp32" or "fp16".
        ops_per_s: operations per second, a multiply-add counts as two.
        bytes_per_s: traffic of the memory.
        consumption: the parameters.
    """
    if board.name not in ("tx1", "tx2") or precision not in _FP16_OPERATIONS or not mode.gpu_mhz:
        return None
    if board.name == "tx1":
        still = busy = consumption.tx1_factor
    else:
        clock = mode.gpu_mhz / float(board.modes[0].gpu_mhz or mode.gpu_mhz)
        still = clock**consumption.exponent
        busy = clock ** (consumption.exponent - 1)
    picowatts = _FP16_OPERATIONS[precision] * consumption.pj_per_op * ops_per_s + consumption.pj_per_byte * bytes_per_s
    return still * consumption.idle_w + busy * picowatts * 1e-12
