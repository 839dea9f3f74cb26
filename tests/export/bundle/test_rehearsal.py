"""What no export could write is refused of the ancestor, before anything is trained."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import edgesynth
from edgesynth.ancestors import register_network
from edgesynth.errors import UserError
from edgesynth.export import rehearse
from edgesynth.export.onnx.onnx_file import IR_OF, OPSET
from edgesynth.lineage import Config, species
from edgesynth.tasks import load_task

SHAPE = (3, 8, 8)


def split(seed):
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(12) % 3
    return edgesynth.Split(torch.randn((12, *SHAPE), generator=source) + labels[:, None, None, None], labels)


@pytest.fixture(scope="module")
def task():
    return edgesynth.Classification("shades", split(0), split(1), lambda: split(2), ["a", "b", "c"])


class Net(nn.Module):
    """A convolution, something in between, a linear layer."""

    def __init__(self, between=lambda features: features):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.between, self.head = nn.Conv2d(3, 6, 3, padding=1), between, nn.Linear(6, 3)

    def forward(self, images):
        return self.head(self.between(self.conv(images)).mean((2, 3)))


def rehearsed(network, task, weights=None, bred=None, **options):
    """What is reported of a network, given as an object."""
    name = register_network(network, 3, SHAPE)
    kind = species(name, task, 0)
    return rehearse(Config(ancestor=name, **options), kind, task, weights, bred or {})


@pytest.mark.parametrize("opset", [OPSET, 17])
def test_nothing_is_told_of_a_network_that_can_be_exported(task, opset):
    assert rehearsed(Net(), task, opset=opset, board="tx2" if opset == OPSET else None) == []


def test_every_opset_of_a_run_is_one_that_can_be_written():
    with pytest.raises(ValueError, match="greater than or equal to 13"):
        Config(opset=min(IR_OF) - 1)
    with pytest.raises(ValueError, match="less than or equal to 18"):
        Config(opset=max(IR_OF) + 1)
    assert [Config(opset=opset).opset for opset in IR_OF] == list(IR_OF) and Config().opset == OPSET


def looking_elsewhere(features):
    return F.grid_sample(features, features[:, :2].permute(0, 2, 3, 1).tanh(), align_corners=False)


def test_the_opset_that_has_an_operation_is_named_and_so_is_a_board_that_does_not_read_it(task):
    with pytest.raises(UserError, match=r"aten::grid_sampler.*; or give --opset 16, for a TensorRT that reads it"):
        rehearsed(Net(looking_elsewhere), task)
    (note,) = rehearsed(Net(looking_elsewhere), task, opset=16, board="tx2")
    assert note.startswith("TensorRT 8.2 of Jetson TX2 would refuse the model: opset 16 is newer than 13")
    assert "cannot be written at opset 13" in note and "export it with" not in note


def test_what_no_opset_has_is_refused_without_one(task):
    with pytest.raises(UserError, match=r"^no individual could be exported: .*aten::i0.*; replace") as refusal:
        rehearsed(Net(torch.special.i0), task)
    assert "--opset" not in str(refusal.value)


class Batched(Net):
    def __init__(self):
        super().__init__()
        self.between = nn.Sequential(nn.BatchNorm2d(6, track_running_stats=False), nn.ReLU())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Batched, r"otherwise alone than beside others, .*; let between\.0 \(BatchNorm2d\) keep running statistics"),
        (lambda: Net(lambda features: features - features.mean(0)), r"; let its forward compute each image by itself$"),
        (lambda: Net(lambda features: F.dropout(features)), r"the same images differently each time.*F\.dropout"),
    ],
)
def test_answers_that_no_file_could_give_are_refused(task, network, message):
    with pytest.raises(UserError, match=message):
        rehearsed(network(), task)


def test_bfloat16_within_forward_is_refused_in_one_line(task):
    class Cast(Net):
        def forward(self, images):
            features = F.conv2d(images.bfloat16(), self.conv.weight.bfloat16(), padding=1).float()
            return self.head(features.mean((2, 3)))

    with pytest.raises(UserError, match=r"^no individual could be exported: .*bfloat16.*no autocast within forward$"):
        rehearsed(Cast(), task)


class Tokens(nn.Module):
    """Products with tokens alone, which TensorRT's dialect leaves in floating point."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(24, 6), nn.Linear(6, 3)

    def forward(self, images):
        return self.last(self.first(images.transpose(1, 2).flatten(2)).relu()).mean(1)


def test_where_there_is_no_int8_it_is_told_and_refused_of_what_is_bred_for_it(task):
    (note,) = rehearsed(Tokens(), task)
    assert note.startswith("there will be no INT8 of this network, so export without --int8 (model.int8.onnx")
    with pytest.raises(UserError, match=r"^no INT8 could be exported of what is bred for it: .*; give --precision"):
        rehearsed(Tokens(), task, bred={"first.weight": "int4"})


def test_weights_that_the_ancestor_begins_with_are_those_that_are_tried(task):
    network = Net(lambda features: features.sqrt())
    weights = {name: tensor.abs() * 0 - 1 for name, tensor in network.state_dict().items()}
    assert rehearsed(network, task, weights) == []  # the drawn ones would have some answers that are numbers


class Vectors(edgesynth.Classification):
    """Labels are vectors; loss and metric are its own, the metric's name is not."""

    def loss(self, outputs, labels):
        return F.mse_loss(outputs, labels)

    def metric(self, outputs, labels):
        return 100.0 * ((outputs - labels).abs() < 0.5).double().mean().item()

    def check_labels(self, labels):
        return ""

    def perfect_outputs(self, labels):
        return labels.clone()


class Named(Vectors):
    metric_name = "closeness"


def vectors(kind, task):
    def turned(part):
        return edgesynth.Split(part.images, F.one_hot(part.labels, 3).float())

    return kind("vectors", turned(task.train), turned(task.validation), lambda: turned(task.load_test()), task.labels)


def test_labels_that_a_metric_does_not_have_on_boards_are_refused_by_the_task_s_name(task):
    with pytest.raises(UserError) as refusal:
        rehearsed(Net(), vectors(Vectors, task))
    assert str(refusal.value) == (
        "the task vectors has the metric 'accuracy', which boards compute from integer labels (N,), and its labels are "
        "(12, 3) of float32; give its class a metric_name of its own, which boards leave alone, or labels of that form"
    )
    assert rehearsed(Net(), vectors(Named, task)) == []


def test_a_task_that_a_manifest_cannot_hold_is_refused(task):
    class Odd(edgesynth.Classification):
        def decoding_of(self, shape):
            return {"form": "classes", "steps": [torch.tensor(1)]}

    odd = Odd("odd", task.train, task.validation, task.load_test, task.labels)
    with pytest.raises(UserError, match=r"the manifest and the README cannot hold what the task odd says of itself"):
        rehearsed(Net(), odd)
    sized = replace(task, preprocessing={"resize": 8, "scale": 1, "mean": [0.0], "std": [1.0]})
    with pytest.raises(UserError, match=r"what the task shades says of itself \(TypeError"):
        rehearsed(Net(), sized)


def test_images_that_are_all_zero_are_refused(task):
    black = replace(task, train=edgesynth.Split(task.train.images * 0, task.train.labels))
    with pytest.raises(UserError, match=r"the images that the task shades trains on are all zero"):
        rehearsed(Net(), black)


def test_a_test_split_that_cannot_be_read_is_told_before_the_training(task):
    def missing():
        raise UserError("test images are missing")

    with pytest.raises(UserError, match=r"^test images are missing$"):
        rehearsed(Net(), replace(task, load_test=missing))


def test_built_in_tasks_and_ancestors_pass():
    task = load_task("digits")
    assert rehearse(Config(), species("lenet5", task, 0), task, None, {"conv1.weight": "int8"}) == []
