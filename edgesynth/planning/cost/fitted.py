"""The fitted numbers, as the study `benchmarks/cost_model` prints them; a test holds them equal to its `result.json`.

Latency: seven parameters, fitted to 66 published rows of half of the networks (every second in alphabetical order) by
least squares of logarithms with long tails, each drawn weakly to a round start; rows that differ in batch or image size
alone share one vote. The errors are those of the other half, 50 rows; the Nano's are of rows none of which was fitted.

Power: five parameters, fitted to all 16 published rows; the error of the energy is that of each of the two networks
when its power is predicted from the other alone.
"""

from edgesynth.planning.cost.power import Consumption
from edgesynth.planning.cost.roofline import Efficiency

EFFICIENCY = Efficiency(
    convolution=0.635,
    winograd=0.675,
    pointwise=0.559,
    depthwise=0.0145,
    memory=0.621,
    kernel_us=37.1,
    call_ms=0.406,
)
CONSUMPTION = Consumption(idle_w=3.71, pj_per_op=7.33, pj_per_byte=241.0, exponent=1.8, tx1_factor=1.14)

# Median relative error of the latency on rows that were not fitted; a board that is missing has no published rows.
LATENCY_ERROR = {"tx1": 0.114, "tx2": 0.161, "nano": 0.152}
# Median relative error of the energy per image at FP16.
ENERGY_ERROR = {"tx1": 0.084, "tx2": 0.084}
