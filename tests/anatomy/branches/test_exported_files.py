"""No node of a branch that is gone is left in an ONNX file, and the file computes what the network computes."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest

from edgesynth.export.onnx.exporters import DYNAMO, TORCHSCRIPT
from edgesynth.export.onnx.exporters import traced as exported
from tests.anatomy.branches.networks import MIDDLES, Together, images, network, traced, without_branches

# {network: (convolutions, additions) that are left}; of every other network, stem and head.
LEFT = {
    "stream read again": (2, 1),  # y + 3 x
    "U-Net": (5, 0),
    "pyramid": (5, 0),
    "dense": (3, 0),
    "parallel": (4, 0),
    "joined tokens": (3, 1),  # the bias of the linear layer that reads them
}
WITH = [name for name, (_, removable, _) in MIDDLES.items() if removable]
# The dynamo exporter takes its time: all of these at once.
TOGETHER = (
    *("written into", "joined, stream read again", "list of blocks", "transformer", "attention spelt out"),
    *("subtracted", "U-Net", "dense", "joined tokens", "parallel", "bare parameters"),
)
LAYERS = ("Conv", "Gemm", "MatMul")
NORMALIZATIONS = ("BatchNormalization", "LayerNormalization")


def small(name):
    """A network of single precision without its removable branches."""
    return without_branches(*traced(name))[1].float()


def counted(file):
    kinds = Counter(node.op_type for node in file.graph.node)
    assert not any(kinds[kind] for kind in NORMALIZATIONS), "a normalization is left that nothing was fused into"
    return sum(kinds[kind] for kind in LAYERS), kinds["Add"] + kinds["Sub"]


def difference(file, model):
    session = onnxruntime.InferenceSession(file.SerializeToString())
    (given,) = session.run(None, {session.get_inputs()[0].name: images(3).float().numpy()})
    expected = model(images(3).float()).detach().numpy()
    return np.abs(given - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("name", WITH)
def test_nothing_of_a_branch_is_left_at_opset_13(name):
    model = small(name)
    file, exporter = exported(model, (4, 6, 6), 13)
    assert exporter.name == TORCHSCRIPT
    assert counted(file) == LEFT.get(name, (2, 0))
    assert difference(file, model) < 1e-5


def test_nothing_of_a_branch_is_left_at_opset_18():
    model = Together([small(name) for name in TOGETHER])
    file, exporter = exported(model, (4, 6, 6), 18)
    assert exporter.name == DYNAMO
    left = [LEFT.get(name, (2, 0)) for name in TOGETHER]
    assert counted(file) == (sum(layers for layers, _ in left), sum(additions for _, additions in left))
    assert difference(file, model) < 1e-5


def test_a_branch_that_lives_is_counted():
    model = network("nested").float()
    file, _ = exported(model, (4, 6, 6), 13)
    assert counted(file) == (5, 2)
