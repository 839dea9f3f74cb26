"""docs/pruning.md: its program is run as it stands, and its five lines as well."""

import re
import subprocess
import sys

import torch
from torch import nn

import edgesynth
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "pruning.md").read_text()
LINES, BRANCHES, PROGRAM = (
    re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    for name in ("lines", "branches", "program")
)


def test_the_program_cuts_half_of_the_channels_and_trains_them_back_to_the_accuracy_before(tmp_path):
    result = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    whole, small = (int(number.replace(",", "")) for number in re.findall(r"[\d,]{6,}", result.stdout))
    # Four 3x3 layers on 8x8 maps, the stem and the head, whole and with half of all channels.
    assert whole == 64 * 9 * (16 + 4 * 16 * 16) + 10240 and small == 64 * 9 * (8 + 4 * 8 * 8) + 5120
    before, cut, after = (float(number) for number in re.findall(r"([\d.]+)%", result.stdout))
    assert cut < after and after > before - 3, result.stdout


def test_the_five_lines_keep_the_strongest_half_of_each_group():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        for channel, size in enumerate((3.0, -1.0, 0.5, -2.0)):
            model[0].weight[channel] = size
    trained = []
    world = {"edgesynth": edgesynth, "model": model, "images": torch.randn(2, 1, 4, 4), "train": trained.append}
    exec(LINES, world)
    assert world["kept"] == {"0": [0, 3]} and trained == [world["small"]] and type(world["small"]) is type(model)
    assert world["small"][0].weight[:, 0, 0, 0].tolist() == [3.0, -2.0] and world["small"][3].in_features == 8


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return x + self.conv(torch.relu(x))


def test_the_five_lines_for_branches_remove_every_second_one():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), Block(), Block(), nn.ReLU(), Block(), nn.Flatten(), nn.Linear(16, 2))
    trained = []
    world = {"edgesynth": edgesynth, "model": model, "images": torch.randn(2, 1, 4, 4), "train": trained.append}
    exec(BRANCHES, world)
    assert world["kept"] == {"2/branch": []} and trained == [world["small"]] and type(world["small"]) is type(model)
    assert [name for name in world["small"].state_dict() if name.endswith("conv.weight")] == [
        "1.conv.weight",
        "4.conv.weight",
    ]


def test_magnitudes_add_up_over_all_layers_that_share_a_channel():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.out = nn.Linear(2, 3), nn.Linear(2, 3), nn.Linear(3, 1)

        def forward(self, x):
            return self.out(torch.relu(self.one(x) + self.two(x)))

    model = Sum()
    expected = (model.one.weight.abs() + model.two.weight.abs()).sum(1).double()
    anatomy = edgesynth.trace(model, (torch.randn(2, 2),))
    assert torch.allclose(anatomy.magnitudes()["one"], expected)
    with torch.no_grad():
        model.one.weight.zero_()
    assert torch.allclose(anatomy.magnitudes()["one"], model.two.weight.abs().sum(1).double())
