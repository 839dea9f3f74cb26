"""The roofline: a kernel takes the larger of its arithmetic and traffic times, and its start."""

from typing import NamedTuple

from edgesynth.planning.cost.layers import CONVOLUTION, DEPTHWISE, LINEAR, POINTWISE, WINOGRAD, Layer

BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
# The smallest tile of output positions and channels among cuDNN's convolutions for these GPUs, whose names carry it
# (maxwell_scudnn_128x32_relu): what a layer leaves of its last tile empty is computed all the same.
TILE_ROWS, TILE_COLUMNS = 128, 32


class Machine(NamedTuple):
    """What a board at a power mode and a precision can do at best.

    Attributes:
        ops_per_s: peak operations per second at the precision; a multiply-add counts as two.
        fp32_ops_per_s: the same at FP32, which sets the pace of depthwise convolutions.
        bytes_per_s: peak of the memory.
        bytes_per_value: of weights and activations.
    """

    ops_per_s: float
    fp32_ops_per_s: float
    bytes_per_s: float
    bytes_per_value: int


class Efficiency(NamedTuple):
    """The model's free parameters.

    Attributes:
        convolution: share of the peak that convolutions of windows reach where their tiles are full; in (0, 1].
        winograd: the same of 3x3 windows at stride 1; it may exceed 1, since the algorithm saves multiplications.
        pointwise: the same of 1x1 windows and of linear layers.
        depthwise: the same of depthwise convolutions, of the FP32 peak at every precision.
        memory: share of the memory's peak.
        kernel_us: from the end of one kernel to the full speed of the next.
        call_ms: time of a call without its kernels.
    """

    convolution: float
    winograd: float
    pointwise: float
    depthwise: float
    memory: float
    kernel_us: float
    call_ms: float


class Seconds(NamedTuple):
    """Time of one kernel by what it waits for, seconds; arithmetic and traffic overlap."""

    compute: float
    memory: float
    launch: float

    @property
    def total(self) -> float:
        """Seconds from start to start."""
        return max(self.compute, self.memory) + self.launch


def seconds(layer: Layer, batch: int, machine: Machine, efficiency: Efficiency) -> Seconds:
    """Time of one kernel for a batch."""
    moved = traffic_bytes(layer, batch, machine.bytes_per_value)
    return Seconds(
        _compute(layer, batch, machine, efficiency),
        moved / (machine.bytes_per_s * efficiency.memory),
        efficiency.kernel_us * 1e-6,
    )


def traffic_bytes(layer: Layer, batch: int, bytes_per_value: int) -> int:
    """Bytes that a kernel moves for a batch: weights once, activations for every image."""
    return bytes_per_value * (layer.weights + batch * (layer.reads + layer.writes))


def _compute(layer: Layer, batch: int, machine: Machine, efficiency: Efficiency) -> float:
    if not layer.macs:
        return 0.0
    operations = 2.0 * layer.macs * batch
    if layer.kind == DEPTHWISE:
        return operations / (machine.fp32_ops_per_s * efficiency.depthwise)
    share = {
        CONVOLUTION: efficiency.convolution,
        WINOGRAD: efficiency.winograd,
        POINTWISE: efficiency.pointwise,
        LINEAR: efficiency.pointwise,
    }[layer.kind]
    if layer.kind != LINEAR:
        share *= _filled(layer.rows * batch, TILE_ROWS) * _filled(layer.columns, TILE_COLUMNS)
    return operations / (machine.ops_per_s * share)


def _filled(length: int, tile: int) -> float:
    """Share of the tiles over a length that is not empty."""
    return length / float(-(-length // tile) * tile)
