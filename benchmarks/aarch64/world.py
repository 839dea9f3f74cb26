"""A board's world on a PC: Debian for arm64, Python's packages for aarch64, and qemu that runs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edgesynth.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = ("python3", "libgomp1", "libstdc++6")
WHEELS = ("click", "numpy", "onnxruntime")  # what `edgesynth benchmark` and `verify` need on a board
CPU = "cortex-a57"  # of TX1, TX2 and Nano
# onnxruntime reads these and dies of a PC's: qemu passes them through unless they lie in its root.
CPUINFO = """processor\t: {number}
BogoMIPS\t: 62.50
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd07
CPU revision\t: 3
"""
CORES = 2


class World:
    """Files of the emulated machine, made where they are missing.

    Args:
        folder: where they lie.

    Raises:
        UserError: a tool is missing.
    """

    def __init__(self, folder: Path) -> None:
        for tool, package in (("qemu-aarch64-static", "qemu-user-static"), ("mmdebstrap", "mmdebstrap")):
            if shutil.which(tool) is None:
                raise UserError(f"this needs {tool}: apt install {package}")
        folder.mkdir(parents=True, exist_ok=True)
        self.root, self.site, self._wheels = folder / "root", folder / "site", folder / "wheels"
        if not self.root.is_dir():
            self._make_root()
        if not self.site.is_dir():
            self._make_site()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python there, with edgesynth from this checkout."""
        libraries = [self.root / "usr/lib/aarch64-linux-gnu", self.root / "lib/aarch64-linux-gnu"]
        variables = {
            "PYTHONPATH": f"{self.site}:{ROOT}",
            "PYTHONHOME": self.root / "usr",
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        }
        given = [part for name, value in variables.items() for part in ("-E", f"{name}={value}")]
        command = ["qemu-aarch64-static", "-cpu", CPU, "-L", str(self.root), *given]
        return _called([*command, str(self.root / f"usr/bin/python{PYTHON}"), *arguments], check=False)

    def _make_root(self) -> None:
        partly = self.root.with_suffix(".partly")
        shutil.rmtree(partly, ignore_errors=True)
        options = ["--variant=extract", "--architectures=arm64", f"--include={','.join(PACKAGES)}"]
        _called(["mmdebstrap", *options, SUITE, str(partly)])
        cores = partly / "sys/devices/system/cpu"
        for folder in (partly / "proc", cores):
            folder.mkdir(parents=True, exist_ok=True)
        (partly / "proc/cpuinfo").write_text("\n".join(CPUINFO.format(number=core) for core in range(CORES)))
        for name in ("possible", "present", "online"):
            (cores / name).write_text(f"0-{CORES - 1}\n")
        partly.rename(self.root)

    def _make_site(self) -> None:
        platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, 37)]
        options = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", *platforms]
        constraints = ["-c", str(ROOT / "constraints.txt"), "-d", str(self._wheels)]
        _called([sys.executable, "-m", "pip", "download", "--quiet", *options, *constraints, *WHEELS])
        partly = self.site.with_suffix(".partly")
        shutil.rmtree(partly, ignore_errors=True)
        for wheel in self._wheels.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(partly)
        partly.rename(self.site)


def _called(command: Sequence[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise UserError(f"{command[0]} fails: {(done.stderr.strip().splitlines() or ['it says nothing'])[-1]}")
    return done
