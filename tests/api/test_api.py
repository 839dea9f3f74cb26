"""`edgesynth.evolve` in a script or a notebook."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import edgesynth
from edgesynth.ancestors import register_network
from edgesynth.errors import UserError
from edgesynth.evolution import replay
from edgesynth.lineage import Run
from edgesynth.nurture import score
from edgesynth.tasks import register_task

QUICK = {"generations": 1, "offspring": 1, "epochs": 1, "final_epochs": 1, "min_accuracy": 0.0, "strength": "random"}
SOURCE = """
import torch
from torch import nn
import edgesynth

class Net(nn.Module):
    def __init__(self, num_classes=2):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 8, 3), nn.Linear(8, num_classes)

    def forward(self, images):
        return self.head(self.conv(images).relu().mean((2, 3)))

class Sized(Net):
    def __init__(self, width):
        super().__init__(3)

class Patches(Net):
    def __init__(self, classes):
        super().__init__(classes)
        self.position = nn.Parameter(torch.zeros(8, 4, 4))

    def forward(self, images):
        return self.head((self.conv(images) + self.position).relu().mean((2, 3)))

def patches(num_classes):
    return Patches(num_classes)

def task():
    return blobs()

def blobs(shade=0.0):
    labels = torch.arange(60) % 3
    images = labels[:, None, None, None].float().repeat(1, 1, 6, 6) - 1 + shade
    parts = [edgesynth.Split(images[i : i + 20], labels[i : i + 20]) for i in (0, 20, 40)]
    return edgesynth.Classification("blobs", parts[0], parts[1], lambda: parts[2], ["a", "b", "c"])
"""


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A module of the user's, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "user_api.py").write_text(SOURCE)
    import user_api

    yield user_api
    del sys.modules["user_api"]


@pytest.fixture
def elsewhere(user, request):
    """The command line, in another process that shares nothing but the folder."""
    call = request.getfixturevalue("edgesynth")
    return lambda *arguments: call(*arguments, cwd=Path(user.__file__).parent)


def test_names_give_what_the_command_line_gives(user, elsewhere):
    options = {**QUICK, "ancestor_epochs": 1, "threads": 1}
    edgesynth.evolve("user_api:Net", "user_api:task", run="api", **options)
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    result = elsewhere("evolve", "--ancestor", "user_api:Net", "--task", "user_api:task", *given, "--run", "cli")
    assert result.returncode == 0, result.stderr
    for name in ("g000-c0", "g001-c0"):
        for file in ("individual.json", "genome.json", "weights.safetensors"):
            one, other = (Path(run, "individuals", name, file).read_bytes() for run in ("api", "cli"))
            assert one == other


def test_the_result_has_the_best_its_network_and_its_accuracy(user):
    run = edgesynth.evolve("user_api:Net", "user_api:task", run="run", **QUICK, ancestor_epochs=1)
    assert run.best.name == "g001-c0" and run.best.census.synapses < 8 * 9 + 8 * 3
    network, task = run.network(), user.task()
    assert not network.training and network.conv.out_channels == run.best.census.layers[0].clusters < 8
    assert score(network, task, task.load_test()) == run.test_accuracy
    assert run.network("g000-c0").conv.out_channels == 8


def test_a_trained_network_keeps_its_weights_with_no_epochs_and_is_not_changed(user):
    torch.manual_seed(3)
    model = user.Net(3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run = edgesynth.evolve(model, user.task(), run="run", **QUICK, ancestor_epochs=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.load("g000-c0").weights.items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert run.config.ancestor == "user_api:Net"
    assert replay(run, "g000-c0") and replay(run, "g001-c0")


def test_a_run_of_an_importable_network_and_task_is_exported_by_any_process(user, elsewhere):
    edgesynth.evolve(user.Net(3), "user_api:task", run="run", **QUICK, ancestor_epochs=0)
    result = elsewhere("export", "run")
    assert result.returncode == 0, result.stderr
    assert elsewhere("replay", "run:g000-c0").returncode == 0


def test_objects_that_cannot_be_imported_are_exported_here_and_refused_elsewhere(user, elsewhere, refused):
    run = edgesynth.evolve(user.Sized(7), user.task(), run="run", **QUICK, ancestor_epochs=0)
    assert run.config.ancestor.startswith("object:Sized-") and run.config.task.startswith("object:blobs-")
    assert run.export(run.path / "bundles" / "here").manifest["task"]["name"] == "blobs"
    result = elsewhere("export", "run")
    refused(result, "object:blobs-", "an object that only that Python process knows", "package.module:task")


def test_other_data_under_the_same_name_are_another_task(user):
    edgesynth.evolve(user.Net(3), user.task(), run="run", **QUICK, ancestor_epochs=0)
    with pytest.raises(
        UserError, match=r"started with other options: task was object:blobs-\w+ and is object:blobs-\w+"
    ):
        edgesynth.evolve(user.Net(3), user.blobs(0.5), run="run", resume=True, **QUICK, ancestor_epochs=0)


def test_a_killed_run_of_an_object_is_gone_on_with(user):
    model = user.Net(3)
    whole = edgesynth.evolve(model, user.task(), run="run", **QUICK, ancestor_epochs=1)
    kept = whole.load("g001-c0").weights
    for name in whole.names():
        shutil.rmtree(whole.folder(name))
    again = edgesynth.evolve(model, user.task(), run="run", resume=True, **QUICK, ancestor_epochs=1)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in again.load("g001-c0").weights.items())


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda user: user.Net(2), {}, r"the ancestor .* gives \(2, 2\) for 2 images and the task blobs has 3 classes"),
        (lambda user: nn.Linear(6, 3), {}, r"must give \(2, 3\)"),
        (lambda user: user.Net(3), {"kep": 0.5}, r"evolve\(\) takes no kep; .* keep,"),
        (lambda user: user.Net(3), {"keep": 2}, r"--keep is 2; it must be less than or equal to 1"),
        (lambda user: user.Net(3), {"weights": "x.pth"}, r"weights were given and so was a network"),
        (lambda user: "user_api:Net", {"weights": "x.pth"}, r"--weights x.pth is not a file"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_run(user, model, options, message):
    with pytest.raises(UserError, match=message):
        edgesynth.evolve(model(user), user.task(), run="run", **QUICK, **options)
    assert not Path("run").exists()


@pytest.mark.parametrize("option", ["inheritance", "final_inheritance"])
def test_newborn_offspring_of_a_given_network_that_cannot_be_drawn_anew_are_refused(user, option):
    asked = {**QUICK, "ancestor_epochs": 0, option: "newborn"}
    words = rf"^--{option.replace('_', '-')} is newborn and object:Patches-\w+, .*anew \(position\); give .*heritable$"
    with pytest.raises(UserError, match=words):
        edgesynth.evolve(user.Patches(3), user.task(), run="run", **asked)
    assert not Path("run").exists()
    assert edgesynth.evolve("user_api:patches", user.task(), run="built", **asked).best.name == "g001-c0"
    assert edgesynth.evolve(user.Sized(7), user.task(), run="given", **asked).best.name == "g001-c0"


def test_weights_of_a_file_are_where_the_ancestor_starts(user):
    model = user.Net(3)
    torch.save(model.state_dict(), "weights.pth")
    run = edgesynth.evolve(
        "user_api:Net", "user_api:task", run="run", **QUICK, ancestor_epochs=0, weights="weights.pth"
    )
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in run.load("g000-c0").weights.items())


def test_what_is_refused_is_caught_by_the_package_s_own_name(tmp_path):
    with pytest.raises(edgesynth.UserError, match="evolve\\(\\) takes no keeep"):
        edgesynth.evolve("lenet5", "digits", run=tmp_path / "run", keeep=0.5)
    assert "UserError" in edgesynth.__all__


def test_the_package_names_what_it_has_and_imports_it_only_when_asked():
    code = (
        "import sys, edgesynth; assert 'torch' not in sys.modules and 'evolve' in dir(edgesynth);"
        "assert not hasattr(edgesynth, 'evolv'); edgesynth.Split; print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "True\n", result.stderr


def cell(activation):
    """What a cell of a notebook makes, which is edited and run again."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 8, 3), nn.Linear(8, 3)

        def forward(self, images):
            return self.head(activation(self.conv(images)).mean((2, 3)))

    return Net()


def test_a_network_of_the_same_form_that_does_something_else_is_another_one(user):
    one = edgesynth.evolve(cell(torch.sin), user.task(), run="one", **QUICK, ancestor_epochs=1)
    other = edgesynth.evolve(cell(torch.relu), user.task(), run="other", **QUICK, ancestor_epochs=0)
    again = register_network(cell(torch.sin), 3, (1, 6, 6))
    assert one.config.ancestor == again != other.config.ancestor
    images = user.task().validation.images
    with torch.no_grad():
        own = one.network(one.best.name)(images)
    assert torch.equal(own, one.network(one.best.name)(images)) and one.export().ledger.hops[0].accuracy_percent == (
        one.test_accuracy
    )


def test_a_constructor_s_argument_that_nothing_shows_is_not_lost(user):
    Path("user_net.py").write_text(
        "from user_api import Net\n"
        "class Act(Net):\n"
        "    def __init__(self, num_classes=3, act='relu'):\n"
        "        super().__init__(num_classes)\n"
        "        self.act = act\n"
        "    def forward(self, images):\n"
        "        return self.head(getattr(self.conv(images), self.act)().mean((2, 3)))\n"
    )
    import user_net

    assert register_network(user_net.Act(3), 3, (1, 6, 6)) == "user_net:Act"
    assert register_network(user_net.Act(3, "sin"), 3, (1, 6, 6)).startswith("object:Act-")
    del sys.modules["user_net"]


@pytest.mark.parametrize("what", ["preprocessing", "load_test", "loss"])
def test_a_task_that_differs_in_what_is_not_trained_on_is_another_one(user, what):
    class Louder(edgesynth.Classification):
        def loss(self, outputs, labels):
            return 2 * super().loss(outputs, labels)

    task, other = user.task(), user.blobs(0.5)
    changed = {
        "preprocessing": lambda: replace(task, preprocessing={"mean": [0.5], "std": [1.0]}),
        "load_test": lambda: replace(task, load_test=other.load_test),
        "loss": lambda: Louder(
            task.name, *(getattr(task, one) for one in ("train", "validation", "load_test", "labels"))
        ),
    }
    assert register_task(task) == register_task(user.task()) != register_task(changed[what]())


def test_an_object_may_stand_beside_a_folder_that_is_given_as_text(user, monkeypatch):
    seen = []
    monkeypatch.setattr("edgesynth.api.evolving.load_task", lambda *given: seen.append(given) or user.task())
    monkeypatch.setattr("edgesynth.api.evolving.breed", lambda path, config, *given: Run.create(path, config))
    edgesynth.evolve(user.Net(3), "imagefolder", run="run", data_root="photos", image_size=32, **QUICK)
    assert seen == [("imagefolder", Path("photos"), 32)]


def test_a_network_that_keeps_activations_is_refused_with_what_to_do(user):
    model = user.Net(3)
    model.features = model.conv(torch.zeros(1, 1, 6, 6))
    with pytest.raises(UserError, match=r"^the network Net cannot be copied: RuntimeError: .*; if it keeps"):
        edgesynth.evolve(model, user.task(), run="run", **QUICK)
    assert not Path("run").exists()


def test_views_that_want_channels_first_are_bred_as_they_are(user):
    class Viewed(user.Net):
        def __init__(self):
            super().__init__(3)
            self.head = nn.Linear(8 * 16, 3)

        def forward(self, images):
            features = self.conv(images).relu()
            return self.head(features.view(features.size(0), -1))

    run = edgesynth.evolve(Viewed(), user.task(), run="run", **QUICK, ancestor_epochs=1)
    assert all(hop.ok for hop in run.export().ledger.hops)


def test_a_network_that_answers_otherwise_in_training_is_refused_before_it(user):
    class Auxiliary(user.Net):
        def forward(self, images):
            main = super().forward(images)
            return (main, main) if self.training else main

    with pytest.raises(UserError, match=r"gives \(2, 3\) in evaluation and a value of type tuple in training; let it"):
        edgesynth.evolve(Auxiliary(3), user.task(), run="run", **QUICK)
    assert not Path("run").exists()


def test_a_strength_that_no_gradient_reaches_is_refused_with_another(user):
    class Frozen(user.Net):
        def forward(self, images):
            with torch.no_grad():
                features = self.conv(images)
            return self.head(features.relu().mean((2, 3)))

    options = {**QUICK, "strength": "fisher", "ancestor_epochs": 1}
    with pytest.raises(
        UserError, match=r"no gradient of the loss reaches conv.weight, as .*; use --strength magnitude"
    ):
        edgesynth.evolve(Frozen(3), user.task(), run="run", **options)
    again = {**options, "strength": "magnitude"}
    assert edgesynth.evolve(Frozen(3), user.task(), run="run", resume=True, **again).best.name == "g001-c0"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": [torch.tensor(0), "b", "c"]}, r"has labels that JSON cannot hold .*str\(label\)"),
        ({"preprocessing": {"crop": Path("x")}}, r"has preprocessing that JSON cannot hold"),
        ({"preprocessing": {"mean": 0.13, "std": [0.3]}}, r"has mean 0\.13 in its .*; give a list .* its 1 channels"),
        ({"preprocessing": {"mean": [0.1, 0.2], "std": [0.3]}}, r"has mean \[0\.1, 0\.2\]"),
    ],
)
def test_what_files_cannot_tell_of_a_task_is_refused_before_training(user, changed, message):
    with pytest.raises(UserError, match=message):
        edgesynth.evolve(user.Net(3), replace(user.task(), **changed), run="run", **QUICK)
    assert not Path("run").exists()


def test_an_export_of_other_code_than_was_bred_is_refused(user):
    run = edgesynth.evolve("user_api:Net", "user_api:task", run="run", **{**QUICK, "ancestor_epochs": 20, "epochs": 20})
    known = run.test_accuracy
    run.save_tested(run.best.name, known - 40)  # as if another network had been bred
    words = rf"no bundle was written: run:g001-c0 had {known - 40:.2f} % accuracy .* and has {known:.2f} % now"
    with pytest.raises(UserError, match=words):
        run.export(run.path / "bundles" / "here")
    assert not (run.path / "bundles").exists()
    run.save_tested(run.best.name, known)
    assert run.export(run.path / "bundles" / "here")


def test_a_network_of_which_nothing_can_be_trained_is_refused_before_anything_is_written(tmp_path):
    frozen = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10)).requires_grad_(False)
    with pytest.raises(UserError, match=r"has no parameter that can be trained.*call requires_grad_\(True\)"):
        edgesynth.evolve(frozen, "digits", run=tmp_path / "run", ancestor_epochs=0, epochs=1, generations=1)
    assert not (tmp_path / "run").exists()


class Unnormalized(nn.Module):
    """BatchNorm without running statistics: an image is answered by those beside it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = (
            nn.Conv2d(1, 8, 3),
            nn.BatchNorm2d(8, track_running_stats=False),
            nn.Linear(8, 3),
        )

    def forward(self, images):
        return self.head(self.norm(self.conv(images)).relu().mean((2, 3)))


def test_a_network_that_no_export_could_write_is_refused_before_the_first_epoch(user):
    heard = []

    class Heard(edgesynth.evolution.Progress):
        def nurture(self, name, epochs, census):
            heard.append(name)

    with pytest.raises(UserError, match=r"let norm \(BatchNorm2d\) keep running statistics"):
        edgesynth.evolve(Unnormalized(), user.task(), run="run", progress=Heard(), **QUICK)
    assert heard == [] and not Path("run").exists()


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile], ids=["DataParallel", "compile"])
def test_a_wrapped_network_keeps_its_weights_and_its_name(user, elsewhere, wrap):
    torch.manual_seed(3)
    model = user.Net(3)
    run = edgesynth.evolve(wrap(model), user.task(), run="run", **QUICK, ancestor_epochs=0)
    assert run.config.ancestor == "user_api:Net"
    kept = run.load("g000-c0").weights
    assert kept.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())


def test_an_opset_of_the_run_is_that_of_its_bundle_unless_another_is_given(user):
    run = edgesynth.evolve(user.Net(3), user.task(), run="run", opset=15, **QUICK, ancestor_epochs=0)
    assert run.export("one").manifest["models"]["fp32"]["opset"] == 15
    assert run.export("other", opset=13).manifest["models"]["fp32"]["opset"] == 13
