import sys

import pytest
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, example_shape
from edgesynth.errors import UserError

SOURCE = """
from torch import nn

NUMBER = 7
NETWORK = nn.Linear(2, 3)

class Nets:
    @staticmethod
    def small():
        return nn.Linear(5, 7)

def build():
    return nn.Linear(3, 4)

def sized(width):
    return nn.Linear(width, width)

def broken():
    raise ValueError("the weights are on the moon")

def leaving():
    raise SystemExit("usage: train first")

def wrong():
    return {"linear": 1}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with modules of the user's; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "user_nets.py").write_text(SOURCE)
    (tmp_path / "user_typo.py").write_text("def build(:\n")
    (tmp_path / "user_lacks.py").write_text("import not_installed_anywhere\n")
    (tmp_path / "user_raises.py").write_text("x = 1\nx.y\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("user_")]:
        del sys.modules[name]


def test_a_function_of_a_module_in_the_working_directory_builds_the_network(here):
    network = build_ancestor("user_nets:build")
    assert isinstance(network, nn.Linear) and (network.in_features, network.out_features) == (3, 4)


def test_a_callable_inside_a_class_is_found(here):
    assert build_ancestor("user_nets:Nets.small").out_features == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "user_missing:build",
            r"there is no module 'user_missing' for user_missing:build; it must be installed, or lie",
        ),
        ("user_nets.deep:build", r"there is no module 'user_nets.deep'"),
        ("user_nets:biuld", r"user_nets has no 'biuld' .*; near it are build"),
        ("user_nets:Nets.large", r"user_nets has no 'Nets.large'"),
        ("user_nets:NUMBER", r"user_nets:NUMBER is of type int; it must be a function or class"),
        ("user_nets:NETWORK", r"user_nets:NETWORK is a network; give the class or function that builds one"),
        ("user_nets:sized", r"raised TypeError: sized\(\) missing 1 required positional argument: 'width'"),
        ("user_nets:broken", r"raised ValueError: the weights are on the moon, .*user_nets.py line 19"),
        ("user_nets:leaving", r"raised SystemExit: usage: train first"),
        ("user_nets:wrong", r"user_nets:wrong returned a value of type dict; it must return a torch.nn.Module"),
        ("user_typo:build", r"user_typo cannot be imported: SyntaxError: .*line 1"),
        ("user_lacks:build", r"user_lacks cannot be imported: ModuleNotFoundError: No module named 'not_installed_any"),
        ("user_raises:build", r"user_raises cannot be imported: AttributeError: .*user_raises.py line 2"),
        (":build", r"':build' is not of the form package.module:callable"),
        ("user_nets:", r"'user_nets:' is not of the form"),
        ("user_nets:a:b", r"'user_nets:a:b' is not of the form"),
        ("../user_nets:build", r"is not of the form package.module:callable"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_reason_in_one_line(here, name, message):
    with pytest.raises(UserError, match=message) as refusal:
        build_ancestor(name)
    assert "\n" not in str(refusal.value)


def test_networks_of_torchvision_come_by_name():
    network = build_ancestor("torchvision.models:squeezenet1_1")
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_235_496


def test_nothing_is_downloaded_for_a_network_whose_backbone_has_weights_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = build_ancestor("torchvision.models.segmentation:lraspp_mobilenet_v3_large")
    assert network.classifier.low_classifier.out_channels == 21
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_the_user_s_that_imports_torchvision_by_itself_works(console_script, here):
    (here / "user_vision.py").write_text(
        "import torchvision\n\ndef build():\n    return torchvision.models.squeezenet1_1(num_classes=3)\n"
    )
    result = console_script("anatomy", "user_vision:build", "--input", "1x3x64x64", "--no-prove", cwd=here)
    assert result.returncode == 0, result.stderr
    assert "classifier.1" in result.stdout and "3x512x1x1" in result.stdout


def test_a_missing_name_of_torchvision_is_refused_with_what_is_near_it():
    with pytest.raises(UserError, match=r"torchvision.models has no 'resnet19' .*resnet18"):
        build_ancestor("torchvision.models:resnet19")


def test_an_ancestor_knows_its_input_and_others_are_shown_a_photograph():
    assert example_shape("lenet5") == (1, 1, 28, 28)
    assert example_shape("torchvision.models:resnet18") == (1, 3, 224, 224)
    assert build_ancestor("lenet5")(torch.zeros(example_shape("lenet5"))).shape == (1, 10)


def test_a_callable_that_takes_num_classes_is_given_it_and_others_are_not(here):
    (here / "user_classes.py").write_text(
        "from torch import nn\n"
        "def taking(num_classes=9): return nn.Linear(2, num_classes)\n"
        "def loose(**keywords): return nn.Linear(2, len(keywords) + 1)\n"
        "def failing(num_classes): raise ValueError('too many')\n"
    )
    assert build_ancestor("user_classes:taking", 4).out_features == 4
    assert build_ancestor("user_classes:taking").out_features == 9
    assert build_ancestor("user_classes:loose", 4).out_features == 1
    with pytest.raises(UserError, match="was called with num_classes=4 and raised ValueError: too many"):
        build_ancestor("user_classes:failing", 4)
