"""Digits that kill the process which first measures a network on them when a file is there, if it is told which."""

import dataclasses
import os
import signal
from pathlib import Path

from edgesynth.tasks import Classification, load_task

NAME = "tests.evolution.deadly_digits:task"
AFTER = "DEADLY_DIGITS_AFTER"


class DeadlyDigits(Classification):
    def metric(self, outputs, labels):
        if AFTER in os.environ and Path(os.environ[AFTER]).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().metric(outputs, labels)


def task():
    digits = load_task("digits")
    return DeadlyDigits(**{field.name: getattr(digits, field.name) for field in dataclasses.fields(digits)})
