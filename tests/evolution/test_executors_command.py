"""`edgesynth evolve --executor ray`, which starts Ray for itself, on a network and data of the user's own."""

import pytest

SOURCE = """
import torch
from torch import nn
import edgesynth

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, num_classes)

    def forward(self, images):
        return self.head(self.norm(self.conv(images)).relu().mean((2, 3)))

def task():
    images, labels = torch.randn((60, 1, 6, 6), generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3
    images = images + labels[:, None, None, None]
    parts = [edgesynth.Split(images[i : i + 20], labels[i : i + 20]) for i in (0, 20, 40)]
    return edgesynth.Classification("blobs", parts[0], parts[1], lambda: parts[2], ["a", "b", "c"])
"""


def test_workers_find_the_modules_of_the_working_directory_and_breed_the_same_lineage(
    edgesynth, console_script, tmp_path
):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'edgesynth[ray]'")
    (tmp_path / "user_ray.py").write_text(SOURCE)
    options = ["--ancestor", "user_ray:Net", "--task", "user_ray:task", "--ancestor-epochs", 3, "--min-accuracy", 0]
    options += [
        "--generations",
        2,
        "--epochs",
        1,
        "--final-epochs",
        1,
        "--threads",
        1,
        "--strength",
        "norm",
    ]  # reads the traced graph
    lineages, said = [], []
    for run, executor, call in (("here", "process", edgesynth), ("there", "ray", console_script)):
        result = call("evolve", *options, "--run", run, "--executor", executor, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        kept = ("individual.json", "genome.json", "weights.safetensors", "outcome.json")
        files = [path for path in (tmp_path / run).rglob("*") if path.name in kept]
        lineages.append({path.relative_to(tmp_path / run): path.read_bytes() for path in files})
        said.append(sorted(line.split()[0] for line in result.stdout.splitlines() if line.startswith("g0")))
    assert lineages[0] == lineages[1] and len(lineages[0]) == 3 * 5 + 1
    assert said[0] == said[1]
