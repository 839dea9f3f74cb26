"""A board's host in a folder: its files, and stand-ins for its tools that keep a state and write down what they got."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

STAND_INS = {
    "id": "echo ${FAKE_UID:-0}",
    # As on the board: a mode that needs a restart asks, and takes no answer for a no.
    "nvpmodel": """
case "$1" in
    -q) name=$(sed -n "s/.*ID=$(cat $BOARD/mode) NAME=\\([A-Z_]*\\).*/\\1/p" $JETSON_ROOT/etc/nvpmodel.conf)
        echo "NV Fan Mode:quiet"; echo "NV Power Mode: $name"; cat $BOARD/mode ;;
    -m) if [ -e $BOARD/asks ]; then read -r answer; [ "$answer" = yes ] || exit 1; fi
        echo "$2" >$BOARD/mode ;;
esac""",
    # As on the board: --store asks before it overwrites and may store nothing; pinning is by the present mode.
    "jetson_clocks": """
case "${1:-}" in
    --store) [ -e $BOARD/early ] && exit 0
             if [ -e "$2" ]; then read -r answer; [ "$answer" = y ] || exit 1; fi; cp $BOARD/clocks "$2" ;;
    --restore) cp "$2" $BOARD/clocks ;;
    "") echo "max of mode $(cat $BOARD/mode)" >$BOARD/clocks ;;
esac""",
    "docker": """
case "$1" in
    info) cat $BOARD/runtimes ;;
    image) grep -qxF -- "$3" $BOARD/image ;;
    run) printf '%s\\n' "$@" >$BOARD/run
         for word in "$@"; do
             case "$word" in *:/tmp/nv_*) cat "${word%%:*}" >$BOARD/$(basename "${word%:ro}") ;; esac
         done
         exit "$(cat $BOARD/code)" ;;
esac""",
}

CONF = """< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_1 1
< POWER_MODEL ID=1 NAME=MAXQ >
< POWER_MODEL ID=3 NAME=MAXP_CORE_ARM >
< PM_CONFIG DEFAULT=3 >
"""
RELEASE = "# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t186ref, EABI: aarch64, DATE: Sat Feb 19 17:07:00 UTC 2022\n"


class Host:
    """The host of a TX2: `files` is its root, `board` the state of its tools."""

    def __init__(self, folder: Path):
        self.files, self.board, self.tools = folder / "root", folder / "board", folder / "tools"
        for one in (self.board, self.tools, self.files / "tmp"):
            one.mkdir(parents=True)
        for name, script in STAND_INS.items():
            self.tools.joinpath(name).write_text(f'#!/bin/sh\necho "{name} $*" >>$BOARD/log\n{script}\n')
            self.tools.joinpath(name).chmod(0o755)
        self.write("etc/nvpmodel.conf", CONF)
        self.write("etc/nv_tegra_release", RELEASE)
        self.write("proc/device-tree/model", "NVIDIA Jetson TX2\0")
        for part in ("cuda", "cudnn", "tensorrt"):
            self.write(
                f"etc/nvidia-container-runtime/host-files-for-container.d/{part}.csv", "dir, /usr/local/cuda-10.2\n"
            )
        for name, text in {
            "mode": "3\n",
            "clocks": "as they were\n",
            "runtimes": '{"nvidia":{"path":"nvidia-container-runtime"},"runc":{"path":"runc"}}\n',
            "image": "edgesynth:r32.7.1\nedgesynth:r35.4.1\nedgesynth:r36.4.0\n",
            "code": "0\n",
            "log": "",
        }.items():
            (self.board / name).write_text(text)

    def write(self, path, text):
        (self.files / path).parent.mkdir(parents=True, exist_ok=True)
        (self.files / path).write_text(text)

    def without(self, tool):
        """The tool is not installed; every other program is."""
        (self.tools / tool).unlink()

    def call(self, script, *arguments, cwd=None, **environment):
        """(exit code, stdout, stderr); an answer is never waited for: a script that asks fails by its timeout."""
        known = [str(Path(shutil.which(name)).parent) for name in ("bash", "sed", "awk", "mktemp")]
        done = subprocess.run(
            [shutil.which("bash"), str(ROOT / "jetson" / script), *map(str, arguments)],
            cwd=cwd,
            env={
                "PATH": os.pathsep.join([str(self.tools), *dict.fromkeys(known)]),
                "HOME": str(self.files / "home"),
                "JETSON_ROOT": str(self.files),
                "BOARD": str(self.board),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stdout, done.stderr

    def state(self, name):
        return (self.board / name).read_text().strip()

    def log(self):
        """What the tools were given, questions left out."""
        lines = (self.board / "log").read_text().splitlines()
        return [line for line in lines if line.split()[0] in ("nvpmodel", "jetson_clocks") and line != "nvpmodel -q"]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)
