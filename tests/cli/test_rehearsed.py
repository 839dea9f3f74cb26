"""On the command line: what could not be exported is refused before anything is trained."""

SOURCE = """
import torch
from torch import nn
import torch.nn.functional as F
import edgesynth


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 10)

    def between(self, features):
        return features

    def forward(self, images, *, scale=1.0):
        return self.head(scale * self.between(self.conv(images)).mean((2, 3)))


class Pyramid(Net):
    def between(self, features):
        pooled = F.adaptive_avg_pool2d(features, 3)
        return features + F.interpolate(pooled, size=features.shape[2:], mode="bilinear")


class Unnormalized(Net):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)

    def between(self, features):
        return self.norm(features)


def half():
    class Half(Net):
        def forward(self, images):
            return super().forward(images.bfloat16()).float()

    return Half().bfloat16()


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(28, 12), nn.Linear(12, 10)

    def forward(self, images):
        return self.last(self.first(images[:, 0]).relu()).mean(1)


class Vectors(edgesynth.Classification):
    def loss(self, outputs, labels):
        return F.mse_loss(outputs, labels)

    def metric(self, outputs, labels):
        return 100.0 * ((outputs - labels).abs() < 0.5).double().mean().item()

    def check_labels(self, labels):
        return ""

    def perfect_outputs(self, labels):
        return labels.clone()

    def fits(self, shape):
        return tuple(shape) == (10,)


def split(seed):
    source = torch.Generator().manual_seed(seed)
    labels = F.one_hot(torch.arange(20) % 10, 10).float()
    return edgesynth.Split(torch.randn((20, 1, 8, 8), generator=source), labels)


def vectors():
    return Vectors("vectors", split(0), split(1), lambda: split(2), [str(number) for number in range(10)])
"""
NUMBERS = {"ancestor-epochs": 1, "generations": 1, "offspring": 1, "epochs": 0, "final-epochs": 0, "min-accuracy": 0}
OPTIONS = [*(f"--{name}={number}" for name, number in NUMBERS.items()), "--strength=magnitude", "--run=run"]


def test_each_is_refused_in_one_line_without_an_epoch_or_a_run_directory(edgesynth, refused, tmp_path):
    (tmp_path / "late_nets.py").write_text(SOURCE)
    for given, words in (
        (
            ["--ancestor", "late_nets:Unnormalized"],
            ["otherwise alone than beside others", "let norm (BatchNorm2d) keep"],
        ),
        (["--ancestor", "late_nets:half"], ["has weights in bfloat16", "build it in float32"]),
        (["--ancestor", "late_nets:Net", "--task", "late_nets:vectors"], ["the task vectors", "metric_name"]),
    ):
        result = edgesynth("evolve", "--task", "digits", *given, *OPTIONS, cwd=tmp_path)
        refused(result, *words)
        assert "g000-c0" not in result.stdout and "epoch" not in result.stdout
        assert not (tmp_path / "run").exists()


def test_pools_that_do_not_divide_and_keyword_arguments_go_all_the_way(edgesynth, tmp_path):
    (tmp_path / "late_nets.py").write_text(SOURCE)
    result = edgesynth("evolve", "--task", "digits", "--ancestor", "late_nets:Pyramid", *OPTIONS, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert edgesynth("export", "run", "--tensorrt", "8.2", cwd=tmp_path).returncode == 0


def test_what_is_advised_next_is_no_int8_where_there_can_be_none(edgesynth, tmp_path):
    (tmp_path / "late_nets.py").write_text(SOURCE)
    result = edgesynth("evolve", "--task", "digits", "--ancestor", "late_nets:Tokens", *OPTIONS, cwd=tmp_path)
    assert "there will be no INT8 of this network, so export without --int8" in result.stdout
    assert result.stdout.splitlines()[-1] == "Next: edgesynth export run"
