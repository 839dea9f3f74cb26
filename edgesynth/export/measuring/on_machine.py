"""Measuring in the loop: a network is written as ONNX, quantized if asked for, and benchmarked for a short time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from edgesynth.benchmark import engines
from edgesynth.benchmark.bundle.bundle import sha256_of
from edgesynth.benchmark.remote import LOCAL, Options, measure_on
from edgesynth.benchmark.result.intervals import median_interval
from edgesynth.errors import UserError
from edgesynth.export.bundle.bare_bundle import complete
from edgesynth.export.bundle.bundle import MODEL
from edgesynth.export.bundle.samples import calibration_images
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.lineage import Config, Figures, Known, board_of, precision_on
from edgesynth.tasks import load_task

CALIBRATION_IMAGES = 128  # latency and energy do not depend on the ranges, only on which layers have them


def instrument_for(config: Config, docker: bool = False, python: str | None = None) -> OnMachine | None:
    """What measures a run's individuals; None where its configuration names no machine.

    Args:
        config: the run's.
        docker: on a board, in its container.
        python: on a board, the Python to use; `python3` by default.

    Raises:
        UserError: `docker` or `python` is given, and `measure_on` names no other machine.
    """
    if (docker or python) and (config.measure_on is None or config.measure_on == LOCAL):
        raise UserError(
            f"{'--docker' if docker else '--remote-python'} is for another machine and --measure-on is "
            f"{config.measure_on or 'not given'}; add --measure-on ssh://user@host, or leave it out"
        )
    return None if config.measure_on is None else OnMachine(config, docker, python or Options().python)


class OnMachine:
    """Measures networks on the machine that a configuration names, at batch 1.

    What is measured is what a bundle would hold for the precision: the fp32 file, its float16 form, or INT8 in the
    dialect that the engine there takes, calibrated on training images. Predicted precision and measured one are the
    same on a board; this machine measures fp32 unless told otherwise.

    Args:
        config: with `measure_on`.
        docker: on a board, in its container.
        python: on a board, the Python to use.
    """

    def __init__(self, config: Config, docker: bool = False, python: str = Options().python) -> None:
        assert config.measure_on is not None
        self.config = config
        self.on = config.measure_on
        self.precision = precision_on(None if self.on == LOCAL else board_of(config), config)
        self.options = Options(
            precisions=(self.precision,),
            batches=(1,),
            duration_s=config.measure_duration_s,
            idle_s=0.0,
            docker=docker,
            python=python,
        )

    def __call__(
        self, network: nn.Module, input_shape: Sequence[int], bred: Mapping[str, str], known: Known
    ) -> Figures:
        """Measure a network, unless its model is known at this precision and of the engine that there is.

        On another machine the engine is known when it has measured; until then any will do.

        Args:
            network: physically small, in evaluation mode.
            input_shape: (C, H, W).
            bred: {weight: precision} that it was trained with.
            known: what was measured before.

        Raises:
            UserError: see `edgesynth.benchmark.remote.measure_on`, and `bare_bundle.complete`.
        """
        with tempfile.TemporaryDirectory(prefix="edgesynth-") as temporary:
            folder = Path(temporary)
            to_onnx(network, input_shape, folder / MODEL, self.config.opset)
            sha256 = sha256_of(str(folder / MODEL))
            figures = known(sha256, self.precision, self._engine)
            if figures is None:
                complete(folder, network, input_shape, self.precision, bred, lambda: self._calibration)
                figures = _figures(measure_on(self.on, str(folder), self.options), sha256, self.on)
            return figures

    @cached_property
    def _engine(self) -> str | None:
        """The engine of this machine; None on another."""
        return engines.default()[0] if self.on == LOCAL else None

    @cached_property
    def _calibration(self) -> Tensor:
        """(K, C, H, W), K at most 128: training images; validation and test are not looked at."""
        config = self.config
        task = load_task(config.task, config.data_root, config.image_size)
        return calibration_images(task, CALIBRATION_IMAGES, config.seed)


def _figures(result: dict[str, Any], sha256: str, on: str) -> Figures:
    (measurement,) = result["measurements"]
    energy, interval = measurement["energy"], median_interval(measurement["samples_ms"])
    if interval is None:
        raise UserError(
            f"{on} gave {len(measurement['samples_ms'])} latencies, too few for an interval; raise --measure-duration-s"
        )
    measured = energy["images_per_joule"] is not None
    return Figures(
        model_sha256=sha256,
        measured_on=on,
        precision=measurement["precision"],
        engine=result["engine"]["name"],
        engine_version=str(result["engine"]["version"]),
        latency_ms=measurement["latency_ms"]["p50"],
        latency_ms_95=interval,
        images_per_joule=energy["images_per_joule"],
        images_per_joule_95=tuple(energy["images_per_joule_95"]) if measured else None,
        energy_reason="" if measured else str(energy["reason"]),
        flags=tuple(measurement["flags"]),
    )
