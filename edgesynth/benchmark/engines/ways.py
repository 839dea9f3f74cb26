"""Ways to run a model beside the plain one, which an engine may have or not."""

from typing import List, NamedTuple, Optional

from edgesynth import defaults
from edgesynth.errors import UserError

# Where a tensor that goes in or comes out lies: page-locked memory that is copied to and from the GPU's own, memory
# that the driver moves, or page-locked memory that the GPU reads and writes in its place.
PINNED, MANAGED, MAPPED = "pinned", "managed", "mapped"
MEMORIES = (PINNED, MANAGED, MAPPED)
MAX_STREAMS = 64


class Ways(NamedTuple):
    """How a loaded model is run.

    Attributes:
        memory: where inputs and outputs lie, one of `MEMORIES`; None for `PINNED`.
        cuda_graph: launch all kernels of a run as one graph.
        streams: inferences that run at the same time, 1 to 64.
        profile: time every layer, after all else.
    """

    memory: Optional[str] = None
    cuda_graph: bool = False
    streams: int = defaults.STREAMS
    profile: bool = False

    def asked(self) -> List[str]:
        """What differs from the plain way, as options of the command line."""
        options = [] if self.memory is None else ["--memory {}".format(self.memory)]
        options += ["--cuda-graph"] if self.cuda_graph else []
        options += ["--streams {}".format(self.streams)] if self.streams != 1 else []
        return options + (["--profile"] if self.profile else [])


def check_ways(ways: Ways) -> None:
    """Refuse what no engine has.

    Raises:
        UserError: a value is out of range, or two of them exclude each other.
    """
    if ways.memory is not None and ways.memory not in MEMORIES:
        raise UserError("--memory is {!r}; choose from: {}".format(ways.memory, ", ".join(MEMORIES)))
    if not 1 <= ways.streams <= MAX_STREAMS:
        raise UserError("--streams is {}; it must be 1 to {}, e.g. --streams 2".format(ways.streams, MAX_STREAMS))
    if ways.memory == MANAGED and ways.streams > 1:
        raise UserError(
            "--memory managed cannot be filled for one stream while another runs (a Jetson's CPU may not touch it "
            "then); use --memory mapped, or --streams 1"
        )
