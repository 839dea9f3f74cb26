"""The README's example, typed as it stands, on a tiny folder of images; only its epochs,
generations and seconds of measurement are cut, and the Python breeds a smaller network than the commands.
"""

import json
import re
import shlex
import subprocess
import sys

import pytest
import torch
from PIL import Image

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.search(r"<!-- example: commands -->\n((?:    .*\n)+)", README)[1]
PYTHON = re.search(r"<!-- example: python -->\n```python\n(.*?)```", README, re.DOTALL)[1]
QUICK = ["--ancestor-epochs", "1", "--generations", "1", "--offspring", "1", "--epochs", "1", "--final-epochs", "1"]
QUICK += ["--min-accuracy", "0", "--image-size", "32", "--strength", "magnitude"]
SMALL = """
from torch import nn

def build(num_classes):
    layers = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes))
"""
BRIEF = ["--duration-s", "0.2", "--warm-up-s", "0", "--idle-s", "0"]
CUT = {"evolve": QUICK, "benchmark": BRIEF, "export": ("--int8-cpu-layers", "all")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`photos/CLASS/*.jpg`: noise, bright in one class and dark in the other."""
    folder = tmp_path_factory.mktemp("example")
    draws = torch.Generator().manual_seed(0)
    for name, shade in (("bright", 130), ("dark", 0)):
        (folder / "photos" / name).mkdir(parents=True)
        for index in range(20):
            pixels = (torch.randint(0, 125, (40, 50, 3), generator=draws) + shade).to(torch.uint8)
            Image.fromarray(pixels.numpy()).save(folder / "photos" / name / f"{index}.jpg")
    return folder


def test_the_example_s_commands_lead_from_images_to_a_report(edgesynth, console_script, folder):
    for line in COMMANDS.splitlines():
        _, command, *arguments = shlex.split(line)
        # Bit for bit, whichever process breeds it: replay has an interpreter of its own.
        call = console_script if command == "replay" else edgesynth
        result = call(command, *arguments, *CUT.get(command, []), cwd=folder)
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
        if command == "replay":
            assert "bit for bit" in result.stdout
    bundle = folder / "runs/photos/bundles/best"
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["task"]["name"] == "imagefolder" and manifest["labels"] == ["bright", "dark"]
    assert manifest["preprocessing"]["crop"] == {"size": [32, 32], "at": "center"}
    assert (bundle / "model.int8.onnx").is_file() and (bundle / "result.json").is_file()
    assert (folder / "runs/photos/report.html").is_file()


def test_the_example_s_python_gives_a_small_network(folder):
    quick = re.sub(r"(ancestor_epochs|generations)=\d+", r"\1=1", PYTHON).replace("image_size=64", "image_size=32")
    quick = quick.replace(
        "keep=0.6", "keep=0.6, offspring=1, epochs=1, final_epochs=1, min_accuracy=0, strength='random'"
    )
    quick = quick.replace("torchvision.models:mobilenet_v3_small", "small:build")
    (folder / "small.py").write_text(SMALL)
    quick += "\nprint(small.training, sum(p.numel() for p in small.parameters()) == run.best.census.params)"
    result = subprocess.run([sys.executable, "-c", quick], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "False True"
    assert (folder / "runs/photos-2/bundles/g001-c0/model.int8.onnx").is_file()
