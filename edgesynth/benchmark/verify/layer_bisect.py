"""The first layer of a model whose output differs from that at export.

A bundle cannot carry every activation. It carries a sketch of each: its products with eight vectors of random signs,
which keep distances (Johnson and Lindenstrauss). The mean square of the difference of two sketches is an unbiased
estimate of that of the tensors: 32 numbers a tensor for four runs, of which the order of magnitude can be trusted.
"""

from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime, first_missing
from edgesynth.errors import UserError
from edgesynth.files.npz_file import read_arrays

RUNS = 4
SIGNS = 8
# Kernels of different processors and releases of ONNX Runtime sum in another order: some 1e-6.
MAX_REL = 1e-4


class Layers(NamedTuple):
    """What a bundle knows of the tensors within its fp32 model.

    Attributes:
        layers: what writes each tensor, in the order of the graph, e.g. "Conv /conv1/Conv".
        tensors: their names.
        sketches: (tensors, RUNS, SIGNS), float32.
        rms: (tensors,), float32: root of each tensor's mean square over all runs.
    """

    layers: List[str]
    tensors: List[str]
    sketches: np.ndarray
    rms: np.ndarray


def sketch_layers(path: str, samples: Samples, batch: int, layers: Sequence[str], tensors: Sequence[str]) -> Layers:
    """Run a model on its first samples and sketch tensors within it.

    Args:
        path: an fp32 ONNX file with its weights inside.
        samples: the bundle's.
        batch: images per run that the file takes.
        layers: what writes each tensor.
        tensors: their names, at least one.

    Returns:
        The sketches.

    Raises:
        UserError: the file is not an ONNX model, or has no such tensors.
    """
    engine = OnnxRuntime()
    engine.load_with_outputs(path, tensors)
    count = len(samples.images)
    sketches = np.empty((len(tensors), RUNS, SIGNS), np.float32)
    squares = np.zeros(len(tensors))
    signs = np.empty((0, SIGNS), np.float32)
    for run in range(RUNS):
        rows = np.arange(run * batch, (run + 1) * batch) % count
        for place, tensor in enumerate(engine.run_all(samples.images[rows])):
            # Of a batch the first image stands for all: what another run shows is another image.
            values = np.asarray(tensor[0] if tensor.shape[:1] == (batch,) else tensor, np.float32).reshape(-1)
            if len(values) > len(signs):
                signs = _signs(len(values))
            sketches[place, run] = values.dot(signs[: len(values)]) / np.sqrt(max(len(values), 1))
            squares[place] += np.square(values, dtype=np.float64).mean() if len(values) else 0.0
    return Layers(list(layers), list(tensors), sketches, np.sqrt(squares / RUNS).astype(np.float32))


def first_difference(path: str, samples: Samples, batch: int, layers: Layers) -> Optional[str]:
    """Name the first layer whose tensor differs from the one at export.

    Args:
        path: the bundle's fp32 model.
        samples: the bundle's.
        batch: images per run that the file takes.
        layers: from `read_layers`.

    Returns:
        The layer and by how much; None if all are what they were.
    """
    missing = first_missing(path, layers.tensors)
    if missing is not None:
        layer = layers.layers[layers.tensors.index(missing)]
        return "{} (the model has no tensor {}: it is another network)".format(layer, missing)
    now = sketch_layers(path, samples, batch, layers.layers, layers.tensors)
    distance = np.sqrt(np.square(now.sketches.astype(np.float64) - layers.sketches).mean(axis=(1, 2)))
    relative = distance / np.maximum(layers.rms, 1e-30)
    for place in range(len(layers.tensors)):
        if not relative[place] <= MAX_REL:  # nan is a difference too
            return "{} (its tensor {} is off by about {:.1g} of its size)".format(
                layers.layers[place], layers.tensors[place], relative[place]
            )
    return None


def write_layers(path: str, layers: Layers) -> None:
    """Write layers.npz.

    Args:
        path: of the file.
        layers: from `sketch_layers`.
    """
    np.savez(
        path,
        layers=np.array(layers.layers),
        tensors=np.array(layers.tensors),
        sketches=layers.sketches,
        rms=layers.rms,
    )


def read_layers(path: str) -> Layers:
    """Read layers.npz; nothing in it is unpickled.

    Args:
        path: of the file.

    Raises:
        UserError: the file is damaged, or its arrays do not fit each other.
    """
    try:
        arrays = read_arrays(path, ("layers", "tensors", "sketches", "rms"))
    except ValueError as error:
        raise UserError("{} cannot be read ({}); export again or restore the file".format(path, error)) from None
    layers = Layers(
        [str(name) for name in arrays["layers"].reshape(-1)],
        [str(name) for name in arrays["tensors"].reshape(-1)],
        arrays["sketches"],
        arrays["rms"],
    )
    count = len(layers.tensors)
    shapes = (len(layers.layers), layers.sketches.shape, layers.rms.shape)
    if shapes != (count, (count, RUNS, SIGNS), (count,)) or {layers.sketches.dtype.kind, layers.rms.dtype.kind} != {
        "f"
    }:
        raise UserError(
            "{} holds {} layers, {} tensors, sketches {} and rms {}, which do not fit each other; export again".format(
                path, len(layers.layers), count, list(layers.sketches.shape), list(layers.rms.shape)
            )
        )
    return layers


def _signs(count: int) -> np.ndarray:
    """(count, SIGNS) of +1 and -1, float32; a longer one begins with a shorter one, on every machine."""
    bits = np.unpackbits(np.frombuffer(np.random.RandomState(0).bytes(count), np.uint8))
    return (bits.reshape(count, SIGNS) * np.float32(2) - np.float32(1)).astype(np.float32)
