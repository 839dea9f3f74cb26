"""A run with a trained ancestor and one sparse offspring on the embedded digits, and the bundles of that offspring."""

import copy
import shutil

import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgesynth.anatomy import remove
from edgesynth.export import export_individual
from edgesynth.lineage import Config, Genome, Individual, Record, Run, species, state
from edgesynth.tasks import load_task

ANCESTOR, OFFSPRING = "g000-c0", "g001-c0"
KEPT = {"conv1": 8, "conv2": 16, "fc1": 60}
EMPTY_ROW = 3  # of fc1 after removal: a cluster that is kept although none of its synapses lives


def train(model, task, epochs, masks=None):
    """Plain Adam; dead synapses are put back to zero after every step."""
    source = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    parameters = dict(model.named_parameters())
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(task.train.images), generator=source).split(64):
            optimizer.zero_grad()
            task.loss(model(task.train.images[chosen]), task.train.labels[chosen]).backward()
            optimizer.step()
            with torch.no_grad():
                for name, mask in (masks or {}).items():
                    parameters[name].mul_(mask)
    return model.eval()


def sparse_genome(anatomy):
    """The first clusters of every group, and a random half of their synapses."""
    kept = {group.name: list(range(KEPT[group.name])) for group in anatomy.removable}
    plan = anatomy.plan(kept)
    source = torch.Generator().manual_seed(1)
    masks = {}
    for name in anatomy.weights():
        full = torch.rand(anatomy.shapes[name], generator=source) < 0.5
        if name == "fc1.weight":
            full[EMPTY_ROW] = False
        masks[name] = plan.uncut(name, plan.cut(name, full), torch.zeros_like(full))
    return Genome(kept, masks)


@pytest.fixture(scope="session")
def task():
    return load_task("digits")


@pytest.fixture(scope="session")
def kind(task):
    return species("lenet5", task, 0)


@pytest.fixture(scope="session")
def pristine_run(tmp_path_factory, task, kind):
    run = Run.create(tmp_path_factory.mktemp("pristine") / "run", Config(ancestor="lenet5", task="digits", seed=0))
    torch.manual_seed(0)
    network = train(copy.deepcopy(kind.model), task, 3)

    def save(generation, parents, model, genome):
        outputs = model(task.validation.images)
        validation = task.metric(outputs, task.validation.labels)
        record = Record(generation, 0, parents, validation, True, genome.census(kind.anatomy))
        run.save(Individual(record, genome, state(model)))

    whole, sparse = Genome.unpruned(kind.anatomy), sparse_genome(kind.anatomy)
    save(0, (), network, whole)
    plan = kind.plan(sparse)
    small = remove(network, plan)
    masks = {name: plan.cut(name, mask) for name, mask in sparse.synapses.items()}
    save(1, (ANCESTOR,), train(small, task, 6, masks), sparse)
    run.save_outcome({"best": OFFSPRING})
    run.save_task(task.to_json())
    return run


@pytest.fixture
def run(pristine_run, tmp_path):
    """A copy that a test may spoil."""
    shutil.copytree(pristine_run.path, tmp_path / "run")
    return Run.open(tmp_path / "run")


@pytest.fixture(scope="session")
def exported(pristine_run, tmp_path_factory):
    """The offspring's bundle with both INT8 models, all layers in INT8 whatever this machine's clock says."""
    path = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(pristine_run.path, path)
    return export_individual(Run.open(path), OFFSPRING, int8=True, int8_cpu_layers="all")


@pytest.fixture(scope="session")
def removed(kind, pristine_run):
    """The offspring's network."""
    return kind.removed(pristine_run.load(OFFSPRING))


@pytest.fixture(scope="session")
def convnet():
    """Conv, BatchNorm with statistics of its own, ReLU, Flatten, Linear on (1, 8, 8)."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    with torch.no_grad():
        model[1].running_mean.normal_()
        model[1].running_var.uniform_(0.5, 2)
        model[1].bias.normal_()
    return model


@pytest.fixture
def called(edgesynth, tmp_path):
    """The command, run in an empty folder: (exit code, standard output, standard error)."""

    def call(*arguments):
        done = edgesynth(*arguments, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return call


def constants(model):
    """{initializer: array} of an ONNX model."""
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def damage(path, name, factor):
    """Scale one initializer of an ONNX file."""
    model = onnx.load(str(path))
    for item in model.graph.initializer:
        if item.name == name:
            item.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(item) * factor).astype("float32"), name))
    onnx.save(model, str(path))


def tree(folder):
    """{relative path: content} of all that lies in a folder, hidden files and empty folders too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
