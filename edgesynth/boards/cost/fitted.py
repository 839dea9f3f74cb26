"""The fitted numbers, as `benchmarks/cost_model.py` prints them; a test holds them equal to its `cost_model.json`.

Latency: seven parameters, fitted to the published rows of half of the networks (every second in alphabetical order) by
least absolute error of the logarithm, each network weighing the same at each board and precision whatever its number of
batches. The errors are those of the other half; the Nano's are of rows none of which was fitted.

Power: five parameters, fitted to all 16 published rows; the error of the energy is that of each of the two networks
when its power is predicted from the other alone.
"""

from typing import Dict, Optional

from edgesynth.boards.cost.power import Consumption
from edgesynth.boards.cost.roofline import Efficiency

EFFICIENCY = Efficiency(
    convolution=0.605,
    winograd=0.764,
    pointwise=0.481,
    depthwise=0.011,
    memory=0.609,
    kernel_us=32.1,
    call_ms=0.375,
)
CONSUMPTION = Consumption(idle_w=2.44, pj_per_op=8.3, pj_per_byte=302.0, exponent=1.8, tx1_factor=1.19)

# Median relative error of the latency on rows that were not fitted; a board without published rows has none.
LATENCY_ERROR: Dict[str, Optional[float]] = {"tx1": 0.114, "tx2": 0.114, "nano": 0.19}
# Median relative error of the energy per image, FP16.
ENERGY_ERROR: Dict[str, Optional[float]] = {"tx1": 0.1, "tx2": 0.1}
