"""What every engine can do; the rest of the package knows no engine by name."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from edgesynth.benchmark.engines.ways import Ways
from edgesynth.errors import UserError

# How the CPU waits for a GPU: spinning wakes at once, blocking saves the CPU's power and takes tens of microseconds.
SPIN, BLOCK = "spin", "block"
WAITS = (SPIN, BLOCK)


class BeyondMemoryError(UserError):
    """A model does not fit the memory at a batch; a smaller batch may fit."""


class Engine:
    """One loaded model.

    Attributes:
        name: the engine's name on the command line.
        device: what it runs on, "cpu" or "gpu"; a power meter must cover it.
        input_shape: (C, H, W) of the loaded model, without batch.
        builds: whether something is built of a model that may differ from one build to the next.
        keeps_plans: whether what is made of a model may be kept for another run; False for models that never come back.
        fresh: whether what an earlier build has kept is left alone: neither taken nor replaced.
        ways: how the model is run; to be set before it is loaded.
    """

    name = ""
    device = "cpu"
    input_shape: Tuple[int, ...] = ()
    builds = False
    keeps_plans = True
    fresh = False
    ways = Ways()

    @classmethod
    def candidates(cls) -> Dict[str, Tuple[str, ...]]:
        """For each precision the keys of a bundle's models that can serve it, the best first (see `Target.model`)."""
        raise NotImplementedError

    @classmethod
    def choose_wait(cls, wait: Optional[str]) -> None:
        """Say how the CPU waits for the device, before anything else is asked of the engine.

        Args:
            wait: one of `WAITS`; None for the engine's own way.

        Raises:
            UserError: it is no choice here.
        """
        if wait is not None:
            raise UserError(
                "--wait {} was given and {} computes on the {}, where there is nothing to wait for; leave it out, or "
                "use --engine tensorrt".format(wait, cls.name, cls.device.upper())
            )

    @classmethod
    def check_ways(cls, ways: Ways) -> None:
        """Refuse ways to run that the engine does not have, before anything is loaded.

        Raises:
            UserError: there is one; the message names it.
        """
        refuse_ways(cls.name, ways.asked())

    def load(
        self,
        path: str,
        precision: str,
        batch: int,
        threads: int,
        ranges: Optional[str] = None,
        samples: Optional[str] = None,
        kept: Sequence[str] = (),
    ) -> None:
        """Load a model.

        Args:
            path: an ONNX file with one input of shape (batch, C, H, W), whose batch is `batch` or free.
            precision: "fp32", "fp16", "int8" or "as-is".
            batch: images per run, at least 1.
            threads: threads of the CPU, at least 1.
            ranges: the ranges.json to quantize a plain file by; None where the file's own types decide, or there is
                none.
            samples: the samples.npz to calibrate a plain file on; of `ranges`, its list of layers alone counts then.
            kept: names of nodes that stay in FP32 where the precision makes others FP16.

        Raises:
            UserError: the engine refuses the file, or its input is of another kind.
            BeyondMemoryError: there is too little memory for the batch.
        """
        raise NotImplementedError

    def run(self, images: np.ndarray) -> np.ndarray:
        """One inference: (batch, C, H, W), float32, preprocessed, to the model's first output, (batch, ...)."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the loaded model and its memory; it cannot be run afterwards."""

    def describe(self) -> Dict[str, Any]:
        """Name, version and whatever else a reader must know to compare two results."""
        raise NotImplementedError

    def built(self) -> Optional[Dict[str, Any]]:
        """What was made of the model and how, for the result; None where it is run as it is."""
        return None

    def flags(self) -> List[str]:
        """What of the loaded model would mislead, by name."""
        return []

    def phases_ms(self) -> Dict[str, List[float]]:
        """Latencies of the parts of a run, ms; those of the device by its own clock.

        Returns:
            `copy_in`, `compute`, `copy_out`, as far as there are such parts, and `enqueue`, the time in which the CPU
            hands over what is computed; empty where there is no such clock.
        """
        return {}

    def layer_times_ms(self) -> Dict[str, List[float]]:
        """{what the engine calls a layer: its time in each of some runs, ms}, where `ways.profile` asks for it.

        The last that is asked of a loaded model: its runs may be slower from here on.
        """
        return {}


def refuse_ways(engine: str, asked: Sequence[str]) -> None:
    """Refuse what was asked for, if anything was.

    Args:
        engine: its name.
        asked: options that it does not have.

    Raises:
        UserError: there is one.
    """
    if asked:
        raise UserError("{} has no {}; leave it out, or use --engine tensorrt".format(engine, " and no ".join(asked)))


def shape_of_images(path: str, shape: Sequence[Any], batch: int) -> Tuple[int, ...]:
    """(C, H, W) of a model's input.

    Args:
        path: the file, for the message.
        shape: of the input; what is not a number of at least 1 is free.
        batch: images per run.

    Raises:
        UserError: it is not the shape of images, or more than the batch is free, or the batch is another one.
    """
    sizes = list(shape)
    if len(sizes) < 2:
        raise UserError("the input of {} has the shape {}; it must be (batch, C, H, W)".format(path, sizes))
    free = [str(size) for size in sizes[1:] if not isinstance(size, int) or size < 1]
    if free:
        raise UserError(
            "the input of {} has the shape {}: {} is not fixed, and only the batch may be free; "
            "export it with fixed sizes".format(path, sizes, ", ".join(free))
        )
    if isinstance(sizes[0], int) and sizes[0] > 0 and sizes[0] != batch:
        raise UserError(
            "the batch of {} is fixed at {} and {} was asked for; use --batch {} or export it with a free batch".format(
                path, sizes[0], batch, sizes[0]
            )
        )
    return tuple(sizes[1:])
