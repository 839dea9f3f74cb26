"""RAPL: the energy counters of the CPU packages (Intel since Sandy Bridge, AMD since Zen) in Linux' powercap sysfs."""

import os
import re
import time
from typing import List, NamedTuple, Optional

from edgesynth.benchmark.power.accuracy import of_rapl
from edgesynth.benchmark.power.meter import Meter, Reading, UnreadableError

# `intel-rapl:0` is a package; `intel-rapl:0:1` a part of it, already counted; `intel-rapl-mmio:0` the same package seen
# through another register. A domain named psys covers the whole board and would count the packages twice.
_DOMAIN = re.compile(r"^intel-rapl:\d+$")


class Domain(NamedTuple):
    """One package's counter.

    Attributes:
        name: "package-0".
        path: its sysfs folder.
        range_uj: the counter starts again from 0 after this value.
    """

    name: str
    path: str
    range_uj: int

    def read_uj(self) -> int:
        """The counter now, in microjoule."""
        return _read_int(os.path.join(self.path, "energy_uj"))


class Rapl(Meter):
    """Energy of all CPU packages between `start` and `stop`.

    A window must be shorter than one turn of the counter (20 minutes at 200 W).

    Args:
        domains: the packages.
    """

    name = "rapl"
    devices = ("cpu",)
    scope = "CPU packages with everything that ran on them (no DRAM, no board); idle power is not subtracted"
    # The counters move about once in a millisecond: at both ends of a window together they are wrong by 2 % at most.
    least_window_s = 0.1
    accuracy = of_rapl()

    def __init__(self, domains: List[Domain]) -> None:
        self.domains = domains
        self.rails = self.total_rails = [domain.name for domain in domains]
        self._before: List[int] = []
        self._unread: Optional[str] = None
        self._begin_s = 0.0

    @classmethod
    def find(cls, sysfs: str = "/sys") -> "Rapl":
        """Find the packages of this machine.

        Args:
            sysfs: root of the sysfs tree.

        Returns:
            The meter; its counters have been read once.

        Raises:
            UnreadableError: there are none, or they may not be read.
        """
        root = os.path.join(sysfs, "class", "powercap")
        folders = sorted(name for name in os.listdir(root) if _DOMAIN.match(name)) if os.path.isdir(root) else []
        domains = []
        for folder in folders:
            path = os.path.join(root, folder)
            try:
                with open(os.path.join(path, "name")) as file:
                    name = file.read().strip()
                if not name.startswith("package"):
                    continue
                domain = Domain(name, path, _read_int(os.path.join(path, "max_energy_range_uj")))
                domain.read_uj()
            except PermissionError:
                raise UnreadableError(
                    "RAPL is here but {}/energy_uj may be read by root only (run as root, or: sudo chmod a+r "
                    "{}/intel-rapl:*/energy_uj)".format(path, root)
                )
            except (OSError, ValueError) as error:
                raise UnreadableError("RAPL is here but {} cannot be read ({})".format(path, error))
            domains.append(domain)
        if not domains:
            raise UnreadableError("no RAPL package found in {}".format(root))
        return cls(domains)

    def start(self) -> None:
        """Begin a window; a counter that cannot be read is reported when it ends."""
        self._unread = None
        try:
            self._before = [domain.read_uj() for domain in self.domains]
        except (OSError, ValueError) as error:
            self._unread = str(error)
        self._begin_s = time.monotonic()

    def stop(self) -> Reading:
        """End the window.

        Returns:
            Energy of each package since `start`.
        """
        duration_s = time.monotonic() - self._begin_s
        if self._unread is not None:
            return Reading({}, duration_s, self._begin_s, misses=1, reason=self._unread)
        energy_mj = {}
        for domain, before in zip(self.domains, self._before):
            try:
                used_uj = domain.read_uj() - before
            except (OSError, ValueError) as error:
                return Reading({}, duration_s, self._begin_s, misses=1, reason=str(error))
            if used_uj < 0:
                used_uj += domain.range_uj
            energy_mj[domain.name] = used_uj / 1000.0
        return Reading(energy_mj, duration_s, self._begin_s)


def _read_int(path: str) -> int:
    with open(path) as file:
        return int(file.read())
