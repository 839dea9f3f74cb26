"""The power mode of a Jetson; latencies and energies of different modes cannot be compared.

Inside a container nvpmodel's files are not to be seen: the host hands the mode's name in as `/tmp/nv_power_mode`, as it
does with the model.
"""

import os
import re
from typing import Optional

_HOST_MODE = "tmp/nv_power_mode"
_STATUS = "var/lib/nvpmodel/status"
_MODES = "etc/nvpmodel.conf"


def power_mode(root: str = "/") -> Optional[str]:
    """Name of nvpmodel's mode, e.g. "MAXN"; "mode 5" where only its number is known; None on another machine.

    Args:
        root: folder that holds `etc`, `var` and `tmp`.
    """
    given = _read(root, _HOST_MODE)
    if given:
        return given
    match = re.search(r"pmode:(\d+)", _read(root, _STATUS) or "")
    if not match:
        return None
    number = int(match.group(1))
    modes = re.findall(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", _read(root, _MODES) or "")
    return {int(identifier): name for identifier, name in modes}.get(number, "mode {}".format(number))


def _read(root: str, path: str) -> Optional[str]:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read().strip() or None
    except OSError:
        return None
