"""Measuring in the loop: a network through ONNX and a short measurement, here or on a board."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from edgesynth.benchmark.bundle import sha256_of
from edgesynth.benchmark.intervals import median_interval
from edgesynth.benchmark.remote import LOCAL, Options, measure_on
from edgesynth.errors import UserError
from edgesynth.export.onnx_file import to_onnx
from edgesynth.lineage import Config, Figures, board_of, precision_on

MODEL = "model.onnx"


class OnMachine:
    """Measures networks on the machine that a configuration names, at batch 1.

    What is measured is the fp32 file that a bundle would hold, at the precision that the engine makes of it. Predicted
    precision and measured one are the same on a board; this machine takes the file as it is, unless told otherwise.

    Args:
        config: with `measure_on`.
        docker: on a board, in its container.
        python: on a board, the Python to use.

    Raises:
        UserError: INT8 is asked for, which needs a bundle's calibration.
    """

    def __init__(self, config: Config, docker: bool = False, python: str = Options().python) -> None:
        assert config.measure_on is not None
        if config.board_precision == "int8":
            raise UserError(
                "--board-precision is int8, which is calibrated when a bundle is exported and not while networks are "
                "bred; measure at fp16 or fp32, and the best one at int8 with edgesynth benchmark"
            )
        self.on = config.measure_on
        board = None if self.on == LOCAL else board_of(config)
        as_it_is = board is None and config.board_precision == "auto"
        self.options = Options(
            precisions=None if as_it_is else (precision_on(board, config),),
            batches=(1,),
            duration_s=config.measure_duration_s,
            idle_s=0.0,
            docker=docker,
            python=python,
        )

    def __call__(
        self, network: nn.Module, input_shape: Sequence[int], known: Callable[[str], Figures | None]
    ) -> Figures:
        """Measure a network, unless its model is known.

        Args:
            network: physically small, in evaluation mode.
            input_shape: (C, H, W).
            known: figures of a model by its sha256, if it was measured before.

        Raises:
            UserError: see `edgesynth.benchmark.remote.measure_on`.
        """
        with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
            path = Path(folder) / MODEL
            to_onnx(network, input_shape, path)
            sha256 = sha256_of(str(path))
            return known(sha256) or _figures(measure_on(self.on, str(path), self.options), sha256, self.on)


def _figures(result: dict[str, Any], sha256: str, on: str) -> Figures:
    (one,) = result["measurements"]
    energy, interval = one["energy"], median_interval(one["samples_ms"])
    if interval is None:
        raise UserError(
            f"{on} gave {len(one['samples_ms'])} latencies, too few for an interval; raise --measure-duration-s"
        )
    measured = energy["images_per_joule"] is not None
    return Figures(
        model_sha256=sha256,
        measured_on=on,
        precision=one["precision"],
        latency_ms=one["latency_ms"]["p50"],
        latency_ms_95=interval,
        images_per_joule=energy["images_per_joule"],
        images_per_joule_95=tuple(energy["images_per_joule_95"]) if measured else None,
        energy_reason="" if measured else str(energy["reason"]),
        flags=tuple(one["flags"]),
    )
