import hashlib

import pytest
import torch
from torch import nn

from edgesynth.ancestors import ANCESTORS, Known
from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.evolution.offspring.precision import cut_scales, finish, restricted, wanted_precision
from edgesynth.evolution.synthesis.strength import MagnitudeStrength, Parent
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Genome, Individual, Run, resolve, species, weight_bits
from edgesynth.quantization import along_rows
from edgesynth.tasks import load_task


class Tiny(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 5, stride=3), nn.BatchNorm2d(6)
        self.fc1, self.fc2 = nn.Linear(6 * 64, 24), nn.Linear(24, num_classes)

    def forward(self, images):
        return self.fc2(self.fc1(self.norm(self.conv(images)).relu().flatten(1)).relu())


SMALL = {
    "ancestor": "tiny",
    "ancestor_epochs": 8,
    "generations": 2,
    "offspring": 1,
    "epochs": 2,
    "final_epochs": 4,
    "learning_rate": 5e-3,
    "batch_size": 64,
    "min_accuracy": 5.0,
}
LAYERS = ("conv", "fc1", "fc2")


@pytest.fixture(scope="module", autouse=True)
def tiny():
    ANCESTORS["tiny"] = Known(Tiny, (1, 28, 28))
    yield
    del ANCESTORS["tiny"]


@pytest.fixture(scope="module")
def kind(tiny):
    return species("tiny", load_task("digits"), 0)


@pytest.fixture(scope="module")
def bred(tmp_path_factory, tiny):
    """Runs by their options, each bred once, from the same ancestor."""
    runs = {}

    def breed(**options):
        key = tuple(sorted(options.items()))
        if key not in runs:
            run = Run.create(tmp_path_factory.mktemp("run") / "run", resolve(None, {**SMALL, **options}))
            for other in [*runs.values()][:1]:
                run.save(other.load("g000-c0"))
            runs[key] = evolve(run.path, run.config, resume=True)
        return runs[key]

    return breed


def fingerprint(run):
    files = [path for path in run.path.rglob("*") if path.suffix == ".safetensors" or path.name == "individual.json"]
    return {str(path.relative_to(run.path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def on_grid(individual, layer, most):
    weight, scale = individual.weights[f"{layer}.weight"], individual.scales[f"{layer}.weight_scale"]
    levels = (weight / along_rows(scale, weight)).round()
    return torch.equal(levels * along_rows(scale, weight), weight) and levels.abs().max() <= most


def test_every_layer_follows_precision_and_a_named_one_its_own(kind):
    wanted = wanted_precision(resolve(None, {"precision": "int4", "layer_precision": "fc2=int8,conv=fp32"}), kind)
    assert wanted == {"fc1.weight": "int4", "fc2.weight": "int8"}
    assert wanted_precision(resolve(None, {"layer_precision": "fc1=fp16"}), kind) == {"fc1.weight": "fp16"}
    assert wanted_precision(resolve(None, {}), kind) == {}


def test_a_layer_that_does_not_exist_is_refused_with_those_that_do(kind):
    with pytest.raises(UserError, match="names 'conv3', and the layers are conv, fc1, fc2"):
        wanted_precision(resolve(None, {"layer_precision": "conv3=int8"}), kind)


def test_a_layer_that_cannot_be_rounded_is_passed_over_unless_it_is_named():
    class Up(nn.Module):
        def __init__(self, num_classes):
            super().__init__()
            self.up, self.fc = nn.ConvTranspose2d(1, 2, 2), nn.Linear(2, num_classes)

        def forward(self, images):
            return self.fc(self.up(images).mean((2, 3)))

    ANCESTORS["up"] = Known(Up, (1, 28, 28))
    kind = species("up", load_task("digits"), 0)
    del ANCESTORS["up"]
    assert wanted_precision(resolve(None, {"precision": "int8"}), kind) == {"fc.weight": "int8"}
    assert set(wanted_precision(resolve(None, {"precision": "fp16"}), kind)) == {"up.weight", "fc.weight"}
    with pytest.raises(UserError, match=r"up at int8, which cannot be: TensorRT .* transposed .*; use fp32"):
        wanted_precision(resolve(None, {"layer_precision": "up=int8"}), kind)


def parent_of(kind, weight):
    genome = Genome.unpruned(kind.anatomy)
    weights = {name: torch.ones(kind.anatomy.shapes[name]) for name in kind.anatomy.weights()}
    weights["fc2.weight"] = weight
    return Parent(kind.anatomy, genome, weights, alive_synapses(kind.anatomy, genome), dict)


def test_synapses_that_round_to_zero_are_dead_and_the_others_as_strong_as_their_rounded_weight(kind):
    """P = 1[Q(w) != 0] exp(|Q(w)| / Z - 1): int2's scale starts at twice the mean, so below the mean is zero."""
    weight = torch.cat([torch.full((10, 12), 0.1), torch.full((10, 12), 0.7)], dim=1)
    weight[0] *= 2
    parent, facts = restricted(parent_of(kind, weight), {"fc2.weight": "int2"})
    assert facts == {"underflowed_synapses": 120}
    assert parent.weights["fc2.weight"][0].tolist() == [0.0] * 12 + [pytest.approx(1.6)] * 12
    assert not parent.alive["fc2.weight"][:, :12].any() and parent.alive["fc2.weight"][:, 12:].all()
    assert parent.alive["fc1.weight"].all()
    viability = MagnitudeStrength().synapses(parent)["fc2.weight"]
    assert viability[0, 12].item() == pytest.approx(0) and viability[1, 12].item() == pytest.approx(-0.5)


def test_a_parent_that_has_the_precision_keeps_its_weights_and_full_precision_knows_no_underflow(kind):
    weight = torch.tensor([0.0, 0.1]).repeat(10, 12)
    parent = parent_of(kind, weight)
    same, facts = restricted(parent, {})
    assert same is parent and facts == {}
    genome = Genome(parent.genome.kept, {}, {"fc2.weight": "int2"})
    already = Parent(parent.anatomy, genome, parent.weights, parent.alive, dict)
    seen, facts = restricted(already, {"fc2.weight": "int2"})
    assert torch.equal(seen.weights["fc2.weight"], weight) and facts == {"underflowed_synapses": 120}


def finished(kind, score, silent=(3, 7)):
    """A network whose fc1 has lost all synapses of two units to its precision."""
    genome = Genome(Genome.unpruned(kind.anatomy).kept, {}, {"fc1.weight": "int2"})
    network = kind.removed(Individual(None, genome, kind.model.state_dict()))
    with torch.no_grad():
        network.fc1.weight.copy_(0.5 * torch.ones(24, 384))
        network.fc1.weight[list(silent)] = 0
        network.fc1.weight[0, :5] = 0
    scales = {"fc1.weight_scale": torch.linspace(1, 2, 24), "fc1.input_scale": torch.tensor(0.1)}
    return finish(kind, genome, network, scales, score)


def test_a_finished_offspring_buries_what_rounded_to_zero_and_the_clusters_that_nothing_feeds(kind):
    result = finished(kind, score=lambda network: 50.0)
    assert result.underflowed == 2 * 384 + 5 and result.swept == 2
    assert result.genome.kept["fc1"] == [unit for unit in range(24) if unit not in (3, 7)]
    assert result.network.fc1.weight.shape == (22, 384) and result.network.fc2.weight.shape == (10, 22)
    census = result.genome.census(kind.anatomy)
    assert [layer.synapses for layer in census.layers] == [150, 22 * 384 - 5, 220]
    assert torch.equal(result.scales["fc1.weight_scale"], torch.linspace(1, 2, 24)[result.genome.kept["fc1"]])
    assert result.facts(census) == {
        "underflowed_synapses": 773,
        "swept_clusters": 2,
        "weight_bits": 32 * 150 + 2 * (22 * 384 - 5) + 32 * 220 + 32 * (6 + 6 + 6 + 22 + 10),
    }


def test_a_cluster_without_which_the_network_is_worse_stays_until_the_next_synthesis(kind):
    result = finished(kind, score=lambda network: float(len(network.fc1.weight)))
    assert result.swept == 0 and len(result.genome.kept["fc1"]) == 24 and result.underflowed == 773
    assert not result.genome.synapses["fc1.weight"][[3, 7]].any()


def test_scales_follow_the_clusters_and_end_where_the_precision_changes(kind):
    whole = Genome.unpruned(kind.anatomy)
    before = Genome(
        {**whole.kept, "fc1": [2, 5, 9]}, {}, {"fc1.weight": "int4", "fc2.weight": "int4", "conv.weight": "fp16"}
    )
    after = Genome(
        {**whole.kept, "fc1": [2, 9]}, {}, {"fc1.weight": "int4", "fc2.weight": "int2", "conv.weight": "fp16"}
    )
    scales = {
        f"{layer}.{name}": torch.arange(3.0) for layer in ("fc1", "fc2") for name in ("weight_scale", "input_scale")
    }
    cut = cut_scales(kind, scales, before, after)
    assert set(cut) == {"fc1.weight_scale", "fc1.input_scale"}
    assert cut["fc1.weight_scale"].tolist() == [0, 2]


def test_bits_are_counted_by_layer_and_biases_and_norms_at_32(kind):
    census = Genome.unpruned(kind.anatomy).census(kind.anatomy)
    others = 32 * (6 + 6 + 6 + 24 + 10)
    assert weight_bits(census, {}) == 32 * (150 + 384 * 24 + 240) + others
    mixed = {"conv.weight": "fp16", "fc1.weight": "int3"}
    assert weight_bits(census, mixed) == 16 * 150 + 3 * 384 * 24 + 32 * 240 + others


def test_a_lineage_at_two_bits_keeps_its_weights_on_their_grids_and_counts_what_died(bred):
    run = bred(precision="int2")
    best = run.load(run.outcome()["best"])
    assert best.genome.precision == {f"{layer}.weight": "int2" for layer in LAYERS}
    assert all(on_grid(best, layer, 1) for layer in LAYERS)
    alive = sum(int((best.weights[f"{layer}.weight"] != 0).sum()) for layer in LAYERS)
    assert best.record.census.synapses == alive
    assert best.record.synthesis["underflowed_synapses"] == 0  # its parent had buried its own
    assert run.record("g001-c0").synthesis["underflowed_synapses"] > 4000  # of 9,606: its parent was not rounded yet
    assert best.record.nurture["underflowed_synapses"] == best.record.synthesis["drawn_synapses"] - alive > 0
    assert run.outcome()["weight_bits"] == weight_bits(best.record.census, best.genome.precision)
    assert not run.load("g000-c0").scales and run.load("g000-c0").genome.precision == {}


def test_validation_is_that_of_the_network_as_a_device_runs_it(bred):
    from edgesynth.nurture import score

    run, task = bred(precision="int2"), load_task("digits")
    kind, best = species("tiny", task, 0), run.load("g002-c0")
    assert score(kind.quantized(best), task, task.validation) == best.record.validation
    assert score(kind.removed(best), task, task.validation) != best.record.validation
    assert score(kind.quantized(best), task, task.load_test()) == run.tested()["g002-c0"]


def test_a_layer_of_its_own_precision_leaves_the_others_alone(bred):
    run = bred(layer_precision="fc1=int4")
    best = run.load("g002-c0")
    assert best.genome.precision == {"fc1.weight": "int4"}
    assert set(best.scales) == {"fc1.weight_scale", "fc1.input_scale"}
    assert on_grid(best, "fc1", 7)
    rows = best.weights["fc2.weight"]
    assert all(row.unique().numel() == row.count_nonzero() + 1 for row in rows if row.count_nonzero() < len(row))


def test_rounding_at_the_end_leaves_the_lineage_as_it_is_without_and_trains_no_more(bred):
    plain, after, within = bred(), bred(precision="int2", precision_at="end"), bred(precision="int2")
    assert (
        fingerprint(plain)["individuals/g001-c0/weights.safetensors"]
        == (fingerprint(after)["individuals/g001-c0/weights.safetensors"])
    )
    assert not after.load("g001-c0").scales and all(on_grid(after.load("g002-c0"), layer, 1) for layer in LAYERS)
    assert after.record("g002-c0").nurture["losses"] == plain.record("g002-c0").nurture["losses"]
    assert after.record("g002-c0").nurture["epochs"] == 4
    assert after.record("g002-c0").validation < plain.record("g002-c0").validation
    assert (
        fingerprint(within)["individuals/g002-c0/weights.safetensors"]
        != (fingerprint(after)["individuals/g002-c0/weights.safetensors"])
    )


def test_half_precision_is_bred_without_scales(bred):
    run = bred(precision="fp16", encoding="synapse")
    best = run.load("g002-c0")
    assert not best.scales and not (run.folder("g002-c0") / "scales.safetensors").exists()
    assert all(
        torch.equal(best.weights[f"{layer}.weight"].half().float(), best.weights[f"{layer}.weight"]) for layer in LAYERS
    )


def test_a_resumed_run_gives_the_same_bits(bred, tmp_path):
    whole = bred(precision="int2")
    run = Run.create(tmp_path / "run", whole.config)
    for name in ("g000-c0", "g001-c0"):
        run.save(whole.load(name))
    evolve(run.path, whole.config, resume=True)
    assert fingerprint(run) == fingerprint(whole)
    assert "individuals/g002-c0/scales.safetensors" in fingerprint(run)


def test_what_meets_its_budget_only_by_rounding_is_trained_to_the_end(bred):
    """At two bits more than half of what is drawn dies while it is trained."""
    free = bred(precision="int2").record("g001-c0")
    drawn = free.synthesis["drawn_synapses"]
    budget = (drawn + free.census.synapses) // 2
    run = bred(precision="int2", max_synapses=budget, keep=0.5)
    first = run.record("g001-c0")
    assert first.synthesis["drawn_synapses"] > budget >= first.census.synapses
    assert first.nurture["epochs"] == SMALL["final_epochs"] and run.outcome()["stopped"] == "budget"
    before = first.nurture["first"]
    assert before["epochs"] == SMALL["epochs"] == len(before["losses"])
    gone = before["underflowed_synapses"] + first.nurture["underflowed_synapses"]
    assert 0 < gone <= first.synthesis["drawn_synapses"] - first.census.synapses
