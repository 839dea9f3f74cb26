"""NVML: the energy counter of an NVIDIA GPU on a PC (Volta and later), by the library that comes with its driver."""

from typing import Any, Callable, Dict, List

from edgesynth.benchmark.power.accuracy import of_nvml, sampled_share
from edgesynth.benchmark.power.nvml_library import LIBRARY, NvmlLibrary
from edgesynth.benchmark.power.sampled import Sampled

# How often the counter moves is told nowhere; the moments at which it is seen to move are what is counted with.
PERIOD_S = 0.1
POLL_S = 0.01


class Nvml(Sampled):
    """Energy of one GPU's whole board.

    Args:
        library: file name of NVML.
        gpu: NVML's index, or the GPU's UUID.
        title: NVML's name of it.
    """

    name = "nvml"
    devices = ("gpu",)
    scope = "the GPU's board (no CPU, no DRAM of the host); idle power is not subtracted"

    def __init__(self, library: str, gpu: str, title: str) -> None:
        super().__init__([title], [title], title, __name__, {"library": library, "gpu": gpu}, PERIOD_S, POLL_S, True)
        self.accuracy = of_nvml()
        self.sampled_share = sampled_share(title)

    @classmethod
    def find(cls, sysfs: str = "/sys", library: str = LIBRARY) -> "Nvml":
        """Find the GPU that CUDA would use.

        Args:
            sysfs: not looked at.
            library: file name of NVML.

        Returns:
            The meter; its counter has been read once.

        Raises:
            UnreadableError: there is no NVML, no GPU, more than one of which none is chosen, or no energy counter.
        """
        nvml = NvmlLibrary(library)
        gpu = nvml.chosen()
        handle = nvml.handle(gpu)
        nvml.energy_mj(handle)
        return cls(library, gpu, nvml.title(handle))

    def flags(self) -> List[str]:
        """A flag if the sensor looks away for most of the time."""
        if self.sampled_share is None:
            return []
        return [
            "part-time sensor: the power of this GPU ({}) is sampled {:.0f} % of the time (arXiv 2312.02741); what it "
            "uses in the rest is in no interval".format(self.rails[0], 100 * self.sampled_share)
        ]

    def describe(self) -> Dict[str, Any]:
        """The sensor, as the result records it."""
        return dict(super().describe(), sampled_share=self.sampled_share)


def open_reader(library: str, gpu: str) -> Callable[[], List[float]]:
    """A function that reads the counter once, in mJ.

    Args:
        library: file name of NVML.
        gpu: index or UUID.
    """
    nvml = NvmlLibrary(library)
    handle = nvml.handle(gpu)
    return lambda: [nvml.energy_mj(handle)]
