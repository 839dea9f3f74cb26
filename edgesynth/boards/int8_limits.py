"""Convolutions that TensorRT's builder cannot compute in INT8, although its parser reads their Q/DQ nodes.

Sources:

    depthwise, into a sum       NVIDIA/TensorRT#3579: "Could not find any implementation", of networks whose depthwise
                                convolution feeds an addition, up to 8.6
    depthwise, odd channels     NVIDIA/TensorRT#1556: channels must be a multiple of 4; still so in 8.4, fixed in 8.5
    grouped                     NvInfer.h, setNbGroups, 8.2 to 11.1: "When using groups in int8 mode, the size of the
                                groups (i.e. the channel count divided by the group count) must be a multiple of 4 for
                                both input and output"
"""

from typing import NamedTuple, Optional, Tuple

MULTIPLE = 4
_SUMS_SINCE, _ODD_CHANNELS_SINCE = (10, 0), (8, 5)


class Convolution(NamedTuple):
    """What the limits look at.

    Attributes:
        inputs: channels that it reads.
        outputs: channels that it writes.
        groups: 1 for a dense one.
        is_added: whether what it writes is an operand of an addition, and of nothing in between.
    """

    inputs: int
    outputs: int
    groups: int
    is_added: bool = False

    @property
    def is_depthwise(self) -> bool:
        """Whether each of its groups reads one channel."""
        return self.groups > 1 and self.inputs == self.groups


def beyond_int8(convolution: Convolution, version: Optional[Tuple[int, ...]] = None) -> str:
    """Why a convolution cannot be built in INT8; empty if it can.

    Args:
        convolution: its sizes.
        version: of TensorRT, (major, minor); None for any that may be met.
    """
    inputs, outputs, groups, is_added = convolution
    if groups == 1:
        return ""
    if convolution.is_depthwise:
        if is_added and (version is None or version[:2] < _SUMS_SINCE):
            return "depthwise, and its output is added to something: TensorRT 8 has no INT8 implementation"
        if outputs % MULTIPLE and (version is None or version[:2] < _ODD_CHANNELS_SINCE):
            return "depthwise with {} channels: before TensorRT 8.5, INT8 wants a multiple of {}".format(
                outputs, MULTIPLE
            )
        return ""
    sizes = sorted({inputs // groups, outputs // groups})
    if any(size % MULTIPLE for size in sizes):
        return "groups of {} channels: in INT8 they must be a multiple of {}".format(
            " and ".join(str(size) for size in sizes), MULTIPLE
        )
    return ""
