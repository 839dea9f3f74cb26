import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import nn

from edgesynth.anatomy import output_scales, remove, scale_uses, trace
from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.synthesis.dna import encode, priced
from edgesynth.evolution.synthesis.strength import (
    STRENGTHS,
    FisherStrength,
    LampStrength,
    MagnitudeStrength,
    NormStrength,
    Parent,
    TaylorStrength,
    build_strength,
)
from edgesynth.evolution.synthesis.strength.lamp import lamp_share
from edgesynth.evolution.synthesis.strength.measuring import cluster_products, normalization_scales
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Genome, generator, resolve
from edgesynth.nurture import gradients
from edgesynth.tasks import load_task


def parent_of(model, *shape, products=None):
    anatomy = trace(model.eval(), (torch.randn(shape),))
    genome = Genome.unpruned(anatomy)
    weights = {name: model.get_parameter(name).detach() for name in anatomy.weights()}
    scales = normalization_scales(anatomy, anatomy.plan(genome.kept), model.state_dict())
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    measured = () if products is None else (lambda: products,)
    return Parent(anatomy, genome, weights, alive_synapses(anatomy, genome), lambda: ones, lambda: scales, *measured)


def conv_bn():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 2, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 9, 2)
    )
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([0.5, -2.0, 1.0]))
    return model


def test_norm_strength_of_a_synapse_is_gamma_of_its_output_channel_times_its_magnitude():
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    strong = parent.weights["0.weight"].double().abs() * torch.tensor([0.5, 2.0, 1.0]).double().reshape(3, 1, 1, 1)
    strength = NormStrength().synapses(parent)
    assert torch.allclose(strength["0.weight"], strong / strong.max() - 1)
    assert torch.equal(strength["4.weight"], MagnitudeStrength().synapses(parent)["4.weight"])


def test_norm_strength_of_a_cluster_is_gamma_times_the_norm_of_its_filter():
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    norms = parent.weights["0.weight"].double().abs().flatten(1).sum(1) * torch.tensor([0.5, 2.0, 1.0]).double()
    strength = NormStrength(truncation=0).clusters(parent)["0"]
    assert torch.allclose(strength, norms / norms.max() - 1)
    assert not torch.allclose(strength, MagnitudeStrength(truncation=0).clusters(parent)["0"])


def test_without_a_normalization_norm_strength_is_magnitude():
    parent = parent_of(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), 1, 4)
    norm, magnitude = NormStrength(), MagnitudeStrength()
    assert torch.equal(norm.clusters(parent)["0"], magnitude.clusters(parent)["0"])
    assert torch.equal(norm.synapses(parent)["2.weight"], magnitude.synapses(parent)["2.weight"])


class Stream(nn.Module):
    """Normalized before its block reads it, so that the stream's layers have no normalization of their own."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.outer = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 4, 1)
        self.norm, self.last = nn.GroupNorm(2, 6), nn.BatchNorm2d(4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, images):
        x = self.stem(images)
        x = x + self.outer(torch.relu(self.norm(self.inner(x))))
        return self.out(torch.relu(self.last(x))).mean((2, 3))


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.out = nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.norm(torch.tanh(self.embed(x))))


@pytest.mark.parametrize(
    ("network", "shape", "uses", "scaled"),
    [
        (conv_bn, (1, 1, 4, 4), {"1.weight": "0.weight"}, {"0.weight": "1.weight"}),
        (
            Stream,
            (1, 1, 4, 4),
            {"norm.weight": "inner.weight", "last.weight": ""},
            {"stem.weight": "last.weight", "inner.weight": "norm.weight", "outer.weight": "last.weight"},
        ),
        (Tokens, (1, 3), {"norm.weight": "embed.weight"}, {"embed.weight": "norm.weight"}),
    ],
    ids=["batch norm", "group norm and a stream", "layer norm"],
)
def test_each_layer_finds_the_scale_of_the_normalization_that_its_channels_pass(network, shape, uses, scaled):
    model = network().eval()
    anatomy = trace(model, (torch.randn(shape),))
    assert {use.parameter: use.layer for use in scale_uses(anatomy)} == uses
    scales = {name: torch.randn(len(model.get_parameter(name))) for name in uses}
    factors = output_scales(anatomy, scales)
    for layer in anatomy.weights():
        expected = scales[scaled[layer]].abs().double() if layer in scaled else torch.ones(1).double()
        assert torch.equal(factors[layer].flatten(), expected), layer
        assert factors[layer].shape[0] == factors[layer].numel()


def test_the_scales_of_a_parent_that_was_cut_stand_at_the_ancestor_s_places():
    model = conv_bn()
    anatomy = trace(model.eval(), (torch.randn(1, 1, 4, 4),))
    plan = anatomy.plan({"0": [0, 2]})
    assert normalization_scales(anatomy, plan, remove(model, plan).state_dict())["1.weight"].tolist() == [0.5, 0, 1]


def lines(**weights):
    return {(f"{name}.weight", 0): torch.tensor(values) for name, values in weights.items()}


def test_taylor_strength_of_a_cluster_is_the_mean_square_of_its_summed_products_over_the_network_s_strongest():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    parent = parent_of(
        model,
        1,
        4,
        products={
            ("0.weight", 0): torch.tensor([[3.0, 1.0], [-3.0, 0.0]]),
            ("2.weight", 0): torch.tensor([[6.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
        },
    )
    strength = TaylorStrength().clusters(parent)
    assert strength["0"].exp().tolist() == pytest.approx([9 / 18, 0.5 / 18])
    assert strength["2"].exp().tolist() == pytest.approx([1, 0, 1 / 18])


def test_taylor_squares_the_sum_over_the_layers_that_die_together_and_fisher_sums_the_squares():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.out(self.a(x) + self.b(x))

    parent = parent_of(Sum(), 1, 2, products=lines(a=[[2.0, 2.0]], b=[[-1.0, 1.0]]))
    assert TaylorStrength().clusters(parent)["a"].exp().tolist() == pytest.approx([1 / 9, 1])
    assert torch.equal(TaylorStrength().synapses(parent)["a.weight"], FisherStrength().synapses(parent)["a.weight"])


def test_products_are_summed_batch_by_batch_over_each_cluster_by_hand(monkeypatch):
    monkeypatch.setattr(gradients, "BATCHES", 2)
    task = load_task("digits")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 10)).eval()
    anatomy = trace(model, (torch.zeros(1, 1, 28, 28),))
    plan = anatomy.plan({"0": [0, 2]})
    small = remove(model, plan)
    products = cluster_products(small, task, anatomy, plan, generator(0, 1, 0, "test"))
    assert set(products) == {("0.weight", 0)} and products["0.weight", 0].shape == (2, 3)
    for batch, sums in zip(
        gradients.batches(task, gradients.BATCH_SIZE, generator(0, 1, 0, "test")),
        products["0.weight", 0],
        strict=False,
    ):
        small.zero_grad()
        task.loss(small(batch.images), batch.labels).backward()
        by_hand = (small[0].weight * small[0].weight.grad).sum((1, 2, 3)).detach()
        assert torch.allclose(sums, torch.stack([by_hand[0], torch.tensor(0.0), by_hand[1]]), rtol=1e-4, atol=1e-7)


def test_a_parent_that_measured_no_products_says_so():
    with pytest.raises(ValueError, match="without summed_products"):
        TaylorStrength().clusters(parent_of(conv_bn(), 1, 1, 4, 4))


def test_lamp_is_the_share_of_all_that_are_at_least_as_strong_and_equals_stand_together():
    shares = lamp_share(torch.tensor([[4.0, 1.0], [4.0, 0.0]], dtype=torch.float64))
    assert shares.tolist() == [[pytest.approx(4 / 8), pytest.approx(1 / 9)], [pytest.approx(4 / 8), 0]]


def test_lamp_strength_weighs_synapses_by_layer_and_clusters_by_their_sums():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
    parent = parent_of(model, 1, 2)
    assert LampStrength().synapses(parent)["0.weight"].exp().flatten().tolist() == pytest.approx([1 / 14, 4 / 13, 0, 1])
    assert LampStrength().clusters(parent)["0"].exp().tolist() == pytest.approx([5 / 14, 1])


def test_the_percentile_of_what_lives_is_as_strong_as_can_be():
    model = nn.Sequential(nn.Linear(1001, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(1001.0).repeat(4, 1))
        model[0].weight[0, 1000] = -1e6
        model[0].weight[3] = 0
    parent = parent_of(model, 1, 1001)
    parent.alive["0.weight"][3] = False
    strength = MagnitudeStrength(normalizer="percentile").synapses(parent)["0.weight"]
    strongest = [*sorted([*range(1001)] * 3)[:-1], 10**6]
    place = 0.999 * (3003 - 1)
    z = strongest[int(place)] + (place % 1) * (strongest[int(place) + 1] - strongest[int(place)])
    assert strength[1, 500].item() == pytest.approx(500 / z - 1)
    assert strength[0, 1000] == 0 and strength.max() == 0 and strength[3].max() == -1
    assert MagnitudeStrength().synapses(parent)["0.weight"][1, 500].item() == pytest.approx(500e-6 - 1)


def test_every_strength_has_an_option_and_gives_viabilities_of_the_right_shape():
    products = lines(**{"0": [[1.0, 2.0, 3.0]]})
    parent = parent_of(conv_bn(), 1, 1, 4, 4, products=products)
    names, _ = get_args(Config.model_fields["strength"].annotation)  # or a class of one's own
    assert set(STRENGTHS) == set(get_args(names))
    for name in STRENGTHS:
        dna = encode(parent, "cluster", resolve(None, {"strength": name}).strength)
        assert dna.clusters["0"].shape == (3,) and dna.synapses["4.weight"].shape == (2, 27)
        assert max(tensor.max().item() for tensor in [*dna.clusters.values(), *dna.synapses.values()]) <= 1e-12


def test_a_normalizer_is_refused_where_there_is_no_z_of_a_layer():
    with pytest.raises(UserError, match="--normalizer is percentile and --strength fisher has no Z"):
        build_strength("fisher", "percentile")
    assert build_strength("norm", "percentile").normalizer == "percentile"


def test_an_allocation_takes_the_place_of_the_cost_that_fisher_strength_divides_by():
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    plain, costed = FisherStrength(per_synapse=False).clusters(parent)["0"], FisherStrength().clusters(parent)["0"]
    assert torch.allclose(costed, plain - math.log(4 + 18))
    budgets = Budgets(resolve(None, {}), parent.anatomy)
    assert torch.allclose(
        priced(encode(parent, "cluster", "fisher", allocation="macs"), parent, "macs", {}, budgets).clusters["0"],
        plain - math.log(9 * 4 + 18),
    )
    assert torch.allclose(
        priced(encode(parent, "cluster", "fisher", allocation="params"), parent, "params", {}, budgets).clusters["0"],
        plain - math.log(4 + 2 + 18),
    )
    # 162 MACs and 74 parameters have to be halved, 5 clusters are as many as they may be
    shares = math.log(2) * (9 * 4 + 18) / 162 + math.log(2) * (4 + 2 + 18) / 74 + math.log(1.001) / 5
    assert torch.allclose(
        priced(
            encode(parent, "cluster", "fisher", allocation="budgets"),
            parent,
            "budgets",
            {"macs": 81, "params": 37, "clusters": 5},
            budgets,
        ).clusters["0"],
        plain - math.log(shares),
    )


def test_strengths_see_only_what_the_parent_still_has():
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    scales = {"1.weight": torch.tensor([0.5, 0.0, 1.0])}
    cut = replace(parent, genome=Genome({"0": [0, 2]}), scales=lambda: scales)
    assert NormStrength().clusters(cut)["0"][1] == -1
