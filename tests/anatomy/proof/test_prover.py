"""Which cuts are proven, in which modes and with which weights: forwards that one pattern of cuts does not find out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgesynth.anatomy import Prover, prove, prove_groups, remove, trace
from edgesynth.anatomy.proof.cuts import cuts

IMAGES = (torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3)),)


def proven(network, inputs=IMAGES):
    """The network's anatomy, with its groups proven."""
    return prove_groups(network, trace(network, inputs), inputs)


def built(kind, seed=0):
    torch.manual_seed(seed)
    return kind()


def cuttable(anatomy):
    return {group.name for group in anatomy.removable if group.size > 1}


def reason(anatomy, name):
    return anatomy.group(name).reason


class Sliced(nn.Module):
    """The first channels of a join, by number; half of each group leaves as many as the slice takes."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=8, padding=1)
        self.c, self.out = nn.Conv2d(14, 6, 1), nn.Linear(6, 2)

    def forward(self, x):
        y = self.a(x)
        return self.out(self.c(torch.cat([y, self.b(y)], 1)[:, :14]).mean((2, 3)))


class Asking(nn.Module):
    """A skip wherever a layer is as wide as what it reads."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 12, 1), nn.Conv2d(12, 16, 1), nn.Conv2d(16, 12, 1)])
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        for layer in self.layers:
            y = layer(x).relu()
            x = x + y if layer.in_channels == layer.out_channels else y
        return self.out(x.mean((2, 3)))


class Flagged(nn.Module):
    """A width by which nothing is called but a flag is multiplied."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 16, 1), nn.Linear(16, 2)

    def forward(self, x):
        y = self.a(x).relu()
        return self.out((self.b(y) * (1.5 if self.b.out_channels == y.shape[1] else 1.0)).mean((2, 3)))


def test_a_slice_by_number_is_found_out_and_its_line_is_named():
    anatomy = proven(built(Sliced))
    assert cuttable(anatomy) == {"c"}
    assert "the proof of removal failed: RuntimeError" in reason(anatomy, "a")
    assert "[:, :14]" in reason(anatomy, "a")


def test_widths_that_a_forward_compares_cannot_all_be_cut():
    anatomy = proven(built(Asking))
    broken = [group.reason for group in anatomy.groups if "proof" in group.reason]
    assert broken and all("its forward goes by widths (at test_prover.py:" in why for why in broken)
    equal = {group.name: range(4) for group in anatomy.removable}
    assert prove(built(Asking), anatomy, equal, IMAGES)


def test_a_number_that_follows_from_two_equal_widths_is_found_out():
    anatomy = proven(built(Flagged))
    assert len(cuttable(anatomy)) == 1 and "all groups cut to" in reason(anatomy, "b")


class Auxiliary(nn.Module):
    """In training one head reads what evaluation passes on, through a layer of its own, and one does not exist."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 16, 1)
        self.inner, self.aux, self.out = nn.Conv2d(16, 5, 1), nn.Linear(5, 2), nn.Linear(16, 2)

    def forward(self, x):
        y = self.b(self.a(x).relu())
        out = self.out(y.mean((2, 3)))
        return out + self.aux(self.inner(y).mean((2, 3))) if self.training else out


def test_layers_that_only_training_runs_are_cut_with_what_they_read():
    network = built(Auxiliary)
    anatomy = proven(network)
    assert cuttable(anatomy) == {"a", "b"}
    small = remove(network, anatomy.plan({"b": [0, 3, 9]}))
    assert torch.equal(small.inner.weight, network.inner.weight[:, [0, 3, 9]])
    assert small.train()(*IMAGES).shape == (2, 2)
    assert prove(network, anatomy, {"a": [1, 2], "b": [0, 3, 9]}, IMAGES, training=True)


def test_layers_that_only_training_runs_are_no_synapses_and_are_not_cut_themselves():
    anatomy = proven(built(Auxiliary))
    assert anatomy.weights() == ("a.weight", "b.weight", "out.weight")
    assert "only training runs these layers" in reason(anatomy, "inner")
    roles = {member.parameter: member.role for member in anatomy.group("b").members}
    assert roles["inner.weight"] == "state" and roles["out.weight"] == "read"


class Taught(nn.Module):
    """In training it goes by a width, but not in evaluation."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 9, 1), nn.Linear(9, 2)

    def forward(self, x):
        y = self.a(x).relu()
        z = self.b(y)
        if self.training and self.a.out_channels == self.b.out_channels:
            z = z + y
        return self.out(z.mean((2, 3)))


def test_a_width_that_only_training_asks_for_is_found_out():
    anatomy = proven(built(Taught))
    assert len(cuttable(anatomy)) == 1 and "in training, outputs differ" in reason(anatomy, "b")


class Noisy(nn.Module):
    """Everything that a network may leave to chance in training, in the forms that people write."""

    def __init__(self):
        super().__init__()
        self.a, self.norm, self.drop = nn.Conv2d(3, 12, 1), nn.BatchNorm2d(12), nn.Dropout2d(0.3)
        self.b, self.c, self.out = nn.Conv2d(12, 12, 1), nn.Conv2d(12, 10, 1), nn.Linear(10, 2)

    def forward(self, x):
        y = self.drop(self.norm(self.a(x)).relu())
        branch = F.dropout(self.b(y), 0.5, self.training)
        if self.training:
            branch = branch * torch.empty(len(x), 1, 1, 1, dtype=x.dtype).bernoulli_(0.8).div_(0.8)
            y = y + 0.1 * torch.randn_like(y)
        y = y + branch if not self.training or torch.rand(()) > 0.1 else y
        return self.out(F.rrelu(self.c(y), training=self.training).mean((2, 3)))


def test_chance_in_training_breaks_no_proof_and_the_sources_of_chance_go_on_as_they_were():
    network = built(Noisy)
    torch.manual_seed(5)
    anatomy = proven(network)
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
    assert cuttable(anatomy) == {"a", "c"} and not int(network.norm.num_batches_tracked)


def test_batch_normalization_of_one_value_a_channel_is_no_fault_of_the_network():
    layers = nn.Sequential(nn.Conv2d(3, 6, 8), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2))
    anatomy = proven(layers, (IMAGES[0][:1],))
    assert cuttable(anatomy) == {"0"} and anatomy.differs_in_training is False


class Unbatched(nn.Module):
    """(3, 8, 8) in, without a batch."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
        self.up, self.c = nn.ConvTranspose2d(6, 4, 2, stride=2), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.c(self.up(F.max_pool2d(self.b(self.a(x).relu()).relu(), 2)))


def test_a_network_without_a_batch_is_cut_and_counted_as_for_one_input():
    network, image = built(Unbatched), IMAGES[0][0]
    anatomy = proven(network, (image,))
    assert cuttable(anatomy) == {"a", "b", "up"}
    small = remove(network, anatomy.plan({"a": [1, 2, 7], "b": [0], "up": [3, 1]}))
    assert small(image).shape == (2, 8, 8)
    assert anatomy.census().macs == 64 * 8 * 27 + 64 * 6 * 72 + 16 * 6 * 16 + 64 * 8
    assert anatomy.batch == 1


class EndsInReLU(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 10, 3, padding=1)
        self.out = nn.Conv2d(10, 1, 1)

    def forward(self, x):
        return self.out(self.b(self.a(x).relu()).relu()).relu()


@pytest.mark.parametrize("seed", range(8))
def test_a_network_that_ends_in_a_relu_is_proven_whatever_its_weights_let_through(seed):
    assert cuttable(proven(built(EndsInReLU, seed))) == {"a", "b"}


class Silenced(nn.Module):
    """Its first ReLU lets nothing through, which hides that what it gives is doubled at one width alone."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 10, 1), nn.Conv2d(10, 2, 1)
        nn.init.constant_(self.a.bias, -100.0)

    def forward(self, x):
        y = self.a(x).relu()
        return self.out(self.b(y * (2.0 if y.shape[1] == 12 else 1.0)).relu()).mean((2, 3))


def test_units_that_a_relu_silences_hide_no_wrong_cut():
    network = built(Silenced)
    prover = Prover(network, IMAGES)
    anatomy = prover.groups(trace(network, IMAGES))
    assert cuttable(anatomy) == {"b"} and "the proof of removal failed: outputs differ" in reason(anatomy, "a")
    assert prover.draws != ("own",)


class Unfelt(nn.Module):
    """A layer whose values decide nothing, whatever they are."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 3, 1), nn.Linear(3, 2)

    def forward(self, x):
        return self.out((x + 0 * self.b(self.a(x))).mean((2, 3)))


def test_what_no_output_depends_on_has_not_been_proven():
    anatomy = proven(built(Unfelt))
    assert reason(anatomy, "a") == (
        "the proof of removal failed: no output depends on it, with any weights that were tried"
    )


class Kept(nn.Module):
    """Features taken by a hook that closes over the network."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out, self.kept = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 16, 1), nn.Linear(28, 2), {}
        self.a.register_forward_hook(lambda module, inputs, output: self.kept.__setitem__("a", output))

    def forward(self, x):
        y = self.b(self.a(x))
        return self.out(torch.cat([y.mean((2, 3)), self.kept["a"].mean((2, 3))], 1))


def test_a_hook_that_closes_over_the_network_is_cut_like_what_is_written_out():
    network = built(Kept)
    anatomy = proven(network)
    assert cuttable(anatomy) == {"a", "b"}
    small = remove(network, anatomy.plan({"a": [2, 5]}))
    network.kept.clear()
    small(*IMAGES)
    assert small.kept["a"].shape[1] == 2 and network.kept == {}


def test_each_unit_dies_in_one_cut_and_lives_in_another_and_widths_are_both_equal_and_unequal():
    anatomy = trace(built(Asking), IMAGES)
    every = cuts(anatomy.removable)
    for group in anatomy.removable:
        kept = [set(cut.kept[group.name]) for cut in every if cut.by_values]
        assert set.union(*kept) == set(range(group.size)) and not set.intersection(*kept)
        assert any(len(cut.kept[group.name]) == group.size - 1 for cut in every)
    widths = [[len(units) for units in cut.kept.values()] for cut in every]
    assert any(len(set(row)) == 1 for row in widths)
    assert any(row[0] > row[1] for row in widths) and any(row[0] < row[1] for row in widths)
