"""Processes that edgesynth starts: what they need in their environment, and why a signal has ended one.

numpy 1.19.5 dies of an illegal instruction at its import on Jetson boards, because its OpenBLAS mistakes the processor
(numpy/numpy#18131); told the kind of processor, it does not. It has wheels for Python 3.6 to 3.9, so that younger
Pythons, whose OpenBLAS knows their processor better than this, are left alone.
"""

import os
import signal
import sys
from typing import Dict, Optional, Tuple

CORETYPE, ARMV8 = "OPENBLAS_CORETYPE", "ARMV8"
# Of a shell, and of docker: that a signal ended what it ran.
_SHELL = 128
_LAST = 64
_LIKELY = {
    "SIGILL": (
        "an instruction that the processor does not have",
        "on a Jetson numpy 1.19.5 is the likely cause: python3 -m pip install numpy==1.19.4, or set "
        "OPENBLAS_CORETYPE=ARMV8; elsewhere a library that was built for another processor",
    ),
    "SIGKILL": (
        "it was killed",
        "the likely cause is too little memory, which dmesg tells: use a smaller --batch, end other work, or add swap",
    ),
    "SIGSEGV": (
        "it used memory that is not its own",
        "the likely cause is a library that does not fit the system, such as TensorRT or pycuda of another CUDA: "
        "install them anew as JetPack has them; with PYTHONFAULTHANDLER=1 it says where",
    ),
    "SIGBUS": (
        "memory that is there no more",
        "the likely cause is a full disk or a full /dev/shm: make room",
    ),
    "SIGABRT": (
        "a library gave up",
        "the likely cause is in its last words; with PYTHONFAULTHANDLER=1 it says where",
    ),
    "SIGFPE": ("a division by zero in a library", "with PYTHONFAULTHANDLER=1 it says where"),
    "SIGXCPU": ("its time of the processor was used up", "raise the limit, which ulimit -t tells"),
    "SIGTERM": ("it was asked to end", "whoever ended it, or a shutdown, is the cause: measure again"),
    "SIGHUP": ("its terminal or its connection is gone", "measure again"),
    "SIGINT": ("it was stopped as by Ctrl-C", "measure again"),
}


def needed(machine: Optional[str] = None, python: Optional[Tuple[int, int]] = None) -> Dict[str, str]:
    """What the environment of a process must have on a machine.

    Args:
        machine: its architecture; None for this one's.
        python: version of its Python; None for this one.
    """
    old = (python or sys.version_info[:2]) < (3, 10)
    # Without `platform`, which takes longer to import than all of this: each child would.
    here = os.uname().machine if hasattr(os, "uname") else ""
    return {CORETYPE: ARMV8} if (machine or here) == "aarch64" and old else {}


def child_environment() -> Dict[str, str]:
    """The environment of a process to be started: this one's, with what it needs and nobody has set."""
    return dict(needed(), **os.environ)


def prepare_this_process() -> None:
    """Set what this process needs and nobody has set, before it imports numpy."""
    for name, value in needed().items():
        os.environ.setdefault(name, value)


def end_of(code: int, by_shell: bool = False) -> str:
    """In words how a process ended: its exit code, or the signal with the likely reason and what to do.

    Args:
        code: as `subprocess` gives it, below 0 for a signal.
        by_shell: whether a shell or docker ran it, which add 128 to the number of a signal.
    """
    number = -code if code < 0 else code - _SHELL if by_shell and _SHELL < code <= _SHELL + _LAST else None
    if number is None:
        return "exit code {}".format(code)
    try:
        name = signal.Signals(number).name
    except ValueError:
        return "signal {}".format(number)
    if name not in _LIKELY:
        return "signal {} ({})".format(number, name)
    what, advice = _LIKELY[name]
    return "signal {} ({}: {}); {}".format(number, name, what, advice)
