"""INA3221: the power sensors of a Jetson, in the two forms that its kernels give them.

L4T r32 (TX1, TX2, Nano, Xavier) has NVIDIA's own driver, whose folder is called `iio_device` or `iio:deviceN`;
JetPack 5 and later have hwmon's. On Thor an INA238 measures the carrier's input; its files are those of hwmon, too
(kernel documentation of hwmon/ina238). Rails are found by their names: bus addresses, folder numbers and channels
differ from board to board. Which rails are the total is in the table of boards; an input is never added to its parts.
"""

import glob
import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from edgesynth.benchmark.power.accuracy import of_ina3221
from edgesynth.benchmark.power.meter import UnreadableError
from edgesynth.benchmark.power.sampled import Sampled
from edgesynth.boards.board import Board
from edgesynth.boards.table import BOARDS

_IIO = "bus/i2c/drivers/ina3221x/*/iio*device*/rail_name_*"
_HWMON = "bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in*_label"
_INA238 = "bus/i2c/drivers/ina238/*/hwmon/hwmon*/in1_label"
_OTHER = "drivers/ina238/"
# The driver of L4T r32 starts with configuration 0x7727: 64 averages of 1.1 ms for the voltage and 1.1 ms for the
# current of each of three channels. A device tree may set a shorter one and does not say so in sysfs.
CONTINUOUS_S = 64 * 2 * 1.1e-3 * 3
# Each read in triggered mode starts a conversion of its own.
TRIGGERED_S = 0.02
POLL_S = 0.05


class Rail(NamedTuple):
    """One channel of a sensor.

    Attributes:
        name: as the board names it.
        files: one file with mW, or two with mV and mA.
        folder: of the sensor.
        voltage_mv: of its bus when it was found; None where the driver does not tell.
        shunt_uohm: resistance that its current is measured by, in microohm; None likewise.
    """

    name: str
    files: Tuple[str, ...]
    folder: str
    voltage_mv: Optional[float] = None
    shunt_uohm: Optional[float] = None


class Ina3221(Sampled):
    """Energy of a Jetson's module from its own sensors.

    Args:
        board: whose rails these are.
        rails: rails that are there, by name, all of its total among them.
        gpu: the rail of the GPU, or None.
        running_mode: 0 triggered, 1 continuous; None where the driver does not tell.
        period_s: from one value to the next.
        averages: conversions that a value is the mean of, as hwmon's `samples` has it; None where the driver does not
            tell.
    """

    name = "ina3221"
    devices = ("cpu", "gpu")

    def __init__(
        self,
        board: Board,
        rails: Dict[str, Rail],
        gpu: Optional[str],
        running_mode: Optional[int],
        period_s: float,
        averages: Optional[int] = None,
    ) -> None:
        total = list(board.total_rails)
        # Where the total is a sum, what is inside of one of its inputs is shown beside it (AGX Orin: the DRAM).
        beside = [name for name in board.part_of if len(total) > 1 and name in rails]
        names = list(dict.fromkeys(total + ([gpu] if gpu else []) + beside))
        super().__init__(
            rails=names,
            total_rails=total,
            gpu_rail=gpu,
            module=__name__,
            source={"files": [list(rails[name].files) for name in names]},
            period_s=period_s,
            poll_s=min(POLL_S, period_s),
        )
        self.running_mode, self.averages = running_mode, averages
        self.part_of = {name: board.part_of[name] for name in names if name in board.part_of}
        self._total = [rails[name] for name in total]
        # Of an INA238 no accuracy is known here.
        if not any(_OTHER in rail.folder for rail in self._total):
            self.accuracy = of_ina3221([(rail.voltage_mv, rail.shunt_uohm) for rail in self._total])
        self.scope = "{}, measured at {}; idle power is not subtracted".format(board.total_scope, " + ".join(total))

    @classmethod
    def find(cls, sysfs: str = "/sys") -> "Ina3221":
        """Find the rails of this board.

        Args:
            sysfs: root of the sysfs tree.

        Returns:
            The meter; its rails have been read once.

        Raises:
            UnreadableError: there is no sensor, or no total among its rails, or a rail cannot be read.
        """
        rails = _find_rails(sysfs)
        if not rails:
            raise UnreadableError("no INA3221 found in {}".format(os.path.join(sysfs, "bus/i2c/drivers")))
        fitting = [board for board in BOARDS if board.total_rails and set(board.total_rails) <= set(rails)]
        if not fitting:
            raise UnreadableError(
                "INA3221 shows {} and none of the totals that are known ({})".format(
                    ", ".join(sorted(rails)), "; ".join(sorted({" + ".join(board.total_rails) for board in BOARDS}))
                )
            )
        board = min(fitting, key=lambda board: len(board.total_rails))
        gpu = next((name for name in sorted(rails) if "GPU" in name.split("_")), None)
        folders = [rails[name].folder for name in board.total_rails]
        mode, period_s = _pace(folders)
        meter = cls(board, rails, gpu, mode, period_s, _averages(folders))
        try:
            open_reader([rails[name].files for name in meter.rails])()
        except (OSError, ValueError) as error:
            raise UnreadableError("INA3221 is here but {}".format(error))
        return meter

    def describe(self) -> Dict[str, Any]:
        """The sensor, as the result records it; `part_of`: of each rail that is part of another one, that one."""
        return dict(
            super().describe(),
            running_mode=self.running_mode,
            averages=self.averages,
            voltage_mv=[rail.voltage_mv for rail in self._total],
            shunt_uohm=[rail.shunt_uohm for rail in self._total],
            part_of=self.part_of,
        )


def open_reader(files: Any) -> Callable[[], List[float]]:
    """A function that reads all rails once, in mW.

    Args:
        files: for each rail one file with mW, or two with mV and mA.
    """

    def read() -> List[float]:
        values = []
        for paths in files:
            numbers = [_number(path) for path in paths]
            values.append(numbers[0] if len(numbers) == 1 else numbers[0] * numbers[1] / 1000.0)
        return values

    return read


def _find_rails(sysfs: str) -> Dict[str, Rail]:
    rails: Dict[str, Rail] = {}
    for pattern, rail_of in ((_IIO, _iio_rail), (_HWMON, _hwmon_rail), (_INA238, _hwmon_rail)):
        for label in sorted(glob.glob(os.path.join(glob.escape(sysfs), pattern))):
            folder, file = os.path.split(label)
            try:
                with open(label, encoding="utf-8", errors="replace") as stream:
                    name = stream.read().strip()
            except OSError:  # a channel that cannot say its name is none that could be asked for
                continue
            channel = re.sub(r"\D", "", file)
            # Channels that are not connected are called NC; hwmon's in7 is the sum of the shunts' voltages.
            if name and "NC" not in name.split("_") and not name.lower().startswith("sum of"):
                # The same device may be there under both its names.
                rails.setdefault(name, rail_of(name, folder, channel))
    return rails


def _iio_rail(name: str, folder: str, channel: str) -> Rail:
    power = os.path.join(folder, "in_power{}_input".format(channel))
    return Rail(name, (power,), folder, _number_in(folder, "in_voltage{}_input".format(channel)))


def _hwmon_rail(name: str, folder: str, channel: str) -> Rail:
    volts, amperes = "in{}_input".format(channel), "curr{}_input".format(channel)
    files = (os.path.join(folder, volts), os.path.join(folder, amperes))
    shunt_uohm = _number_in(folder, "shunt{}_resistor".format(channel))
    return Rail(name, files, folder, _number_in(folder, volts), shunt_uohm)


def _pace(folders: List[str]) -> Tuple[Optional[int], float]:
    """Mode of the sensors and the longest period among them, in s."""
    modes, periods = [], []
    for folder in sorted(set(folders)):
        mode = _number_in(folder, "running_mode")
        interval_ms = _number_in(folder, "update_interval")
        if mode is not None:
            modes.append(int(mode))
        periods.append(interval_ms / 1e3 if interval_ms else TRIGGERED_S if mode == 0 else CONTINUOUS_S)
    return max(modes) if modes else None, max(periods)


def _averages(folders: List[str]) -> Optional[int]:
    """The most among the sensors; hwmon alone tells it."""
    counts = [_number_in(folder, "samples") for folder in sorted(set(folders))]
    return max((int(count) for count in counts if count is not None), default=None)


def _number_in(folder: str, file: str) -> Optional[float]:
    try:
        return _number(os.path.join(folder, file))
    except (OSError, ValueError):
        return None


def _number(path: str) -> float:
    # Without the layers of a file object: this is what the sampler does all the time.
    file = os.open(path, os.O_RDONLY)
    try:
        text = os.read(file, 64)
    finally:
        os.close(file)
    try:
        return float(int(text))
    except ValueError:
        raise ValueError("{} holds {!r} and no whole number".format(path, text.decode("utf-8", "replace").strip()))
