"""How far a sensor may be off for as long as it is measured with: no number of samples makes that smaller.

Figures are the largest that their source allows, added up as if all erred in the same direction. Sources:

    [ti]      Texas Instruments SBOS576, data sheet of the INA3221, "Electrical Characteristics" at 25 degrees: gain of
              shunt and bus within 0.25 % each, offset of the shunt within 80 uV and of the bus within 16 mV
    [dg]      NVIDIA DG-09840-001, design guide of the Jetson AGX Xavier, figure "Power Monitor": sense resistors of
              1 %; of the other modules no such figure was found, and theirs are taken to be like these
    [nvml]    NVIDIA, NVML's nvmlDeviceGetPowerUsage: within 5 % on Fermi and Kepler; of later GPUs it tells nothing,
              and they are taken to be like these
    [part]    "Part-time Power Measurements: nvidia-smi's Lack of Attention", arXiv 2312.02741, abstract: on A100 and
              H100 only 25 % of the time is sampled
"""

import re
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

_GAIN_PERCENT, _SHUNT_OFFSET_UV, _BUS_OFFSET_MV = 0.25, 80.0, 16.0  # [ti]
_RESISTOR_PERCENT = 1.0  # [dg]
_NVML_PERCENT = 5.0  # [nvml]
_SAMPLED_SHARE = 0.25  # [part]
# [part] has A100 and H100; the others are the same two chips, GA100 and GH100.
_PART_TIME = re.compile(r"\b(A100|A800|A30|H100|H800|H200|H20|GH200)\b")


class Accuracy(NamedTuple):
    """A sensor's own error.

    Attributes:
        percent: of what it shows, at most; None where nobody tells.
        offset_mw: beside that, whatever it shows, at most.
        source: where the figures are from, or why there are none.
    """

    percent: Optional[float]
    offset_mw: float
    source: str

    def at(self, power_mw: float) -> Dict[str, Any]:
        """The error of a mean power, for the result.

        Args:
            power_mw: above 0.

        Returns:
            `percent` (of this power; None where nobody tells), `gain_percent`, `offset_mw` and `source`.
        """
        percent = None if self.percent is None else self.percent + 100 * self.offset_mw / power_mw
        return {
            "percent": percent,
            "gain_percent": self.percent,
            "offset_mw": self.offset_mw,
            "source": self.source,
        }


UNKNOWN = Accuracy(None, 0.0, "no figure of this sensor's accuracy was found")


def of_ina3221(channels: Sequence[Tuple[Optional[float], Optional[float]]]) -> Accuracy:
    """Accuracy of a sum of INA3221 channels.

    Args:
        channels: of each the bus voltage in mV and the shunt in microohm; None for what the driver does not tell.
    """
    source = "TI SBOS576: gain 0.25 % of shunt and bus; sense resistor 1 % (NVIDIA DG-09840-001)"
    percent, offset_mw = 2 * _GAIN_PERCENT + _RESISTOR_PERCENT, 0.0
    voltages_mv = [voltage_mv for voltage_mv, _ in channels if voltage_mv]
    if len(voltages_mv) == len(channels):
        percent += 100 * _BUS_OFFSET_MV / min(voltages_mv)
        source += "; bus offset 16 mV"
    else:
        source += "; without the bus offset, for the voltage is not told"
    known = [(voltage_mv, shunt_uohm) for voltage_mv, shunt_uohm in channels if voltage_mv and shunt_uohm]
    if len(known) == len(channels):
        # uV / uOhm = A; times mV = mW.
        offset_mw = sum(_SHUNT_OFFSET_UV / shunt_uohm * voltage_mv for voltage_mv, shunt_uohm in known)
        source += "; shunt offset 80 uV"
    else:
        source += "; without the shunt offset of 80 uV, for the driver does not tell the shunt"
    return Accuracy(percent, offset_mw, source)


def of_nvml() -> Accuracy:
    """Accuracy of NVML's energy."""
    return Accuracy(
        _NVML_PERCENT,
        0.0,
        "NVIDIA on nvmlDeviceGetPowerUsage: 5 % on Fermi and Kepler; no figure of later GPUs was found",
    )


def of_rapl() -> Accuracy:
    """Accuracy of RAPL."""
    return Accuracy(None, 0.0, "no manufacturer's figure of RAPL's accuracy was found")


def sampled_share(gpu: str) -> Optional[float]:
    """Share of the time that NVML's sensor looks at; None where it is not known to look away.

    Args:
        gpu: NVML's name of it.
    """
    return _SAMPLED_SHARE if _PART_TIME.search(gpu) else None
