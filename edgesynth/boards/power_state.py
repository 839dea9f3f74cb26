"""What a board's clocks may do: its power mode, and the limits of its GPU's clock.

Kernels that TensorRT chose in one state are not the best of another, and figures of two states cannot be compared.
"""

import os
from typing import Any, Dict, NamedTuple, Optional

from edgesynth.boards.gpu_node import ClockLimits, clock_limits
from edgesynth.boards.power_mode import power_mode


class PowerState(NamedTuple):
    """The state, as it is now.

    Attributes:
        mode: name of nvpmodel's mode; None on a PC, or where it is not told.
        gpu: limits of the GPU's clock; None on a PC, or where they are not told.
    """

    mode: Optional[str]
    gpu: Optional[ClockLimits]

    def facts(self) -> Dict[str, Any]:
        """Of the result: `power_mode`, `gpu_min_mhz`, `gpu_max_mhz` and `gpu_clocks_locked`, None where not known."""
        return {
            "power_mode": self.mode,
            "gpu_min_mhz": self.gpu.least_mhz if self.gpu else None,
            "gpu_max_mhz": self.gpu.most_mhz if self.gpu else None,
            "gpu_clocks_locked": self.gpu.locked if self.gpu else None,
        }


def power_state(root: str = "/") -> PowerState:
    """Read the state.

    Args:
        root: folder that holds `etc`, `sys`, `tmp` and `var`.
    """
    return PowerState(power_mode(root), clock_limits(os.path.join(root, "sys")))
