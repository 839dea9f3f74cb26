import pytest
import torch
import torch.nn.functional as F

from edgesynth.errors import UserError
from edgesynth.evolution.generative.inquisitor import Inquisitor, reliefs
from edgesynth.evolution.generative.memory import Memory
from edgesynth.evolution.generative.probe_images import hold_out_probe_images
from edgesynth.evolution.generative.reactions import Prober, Reactions, Silenced
from edgesynth.lineage import Genome, Individual, Record, Run, resolve, species, state
from edgesynth.tasks import Split, load_task

SIZES = {"a": 30, "b": 60}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


@pytest.fixture(scope="module")
def kind(task):
    return species("lenet5", task, 0)


def reactions(seed, silenced=()):
    source = generator(seed)
    alive = {name: torch.ones(size, dtype=torch.bool) for name, size in SIZES.items()}
    drawn = [
        {name: torch.rand(size, dtype=torch.float64, generator=source) for name, size in SIZES.items()}
        for _ in range(3)
    ]
    return Reactions(alive, *drawn, tuple(silenced))


def relief():
    return {name: torch.full((n,), 0.1, dtype=torch.float64) for name, n in SIZES.items()}


def planted(described):
    """A worth that Taylor, weight norm and the group make up."""
    weights = torch.tensor([3.0, 0, 0, 1.0, 0, 0, 0.3, 0], dtype=torch.float64)
    return {name: features @ weights for name, features in described.items()}


def correlation(learned, wanted):
    pair = torch.stack([torch.cat(list(units.values())) for units in (learned, wanted)])
    return torch.corrcoef(pair)[0, 1].item()


def test_a_planted_worth_is_recovered_from_ablations():
    inquisitor, noise = Inquisitor(tuple(SIZES)), generator(9)
    for seed in range(6):
        blank = inquisitor.describe(reactions(seed), relief())
        worth, silenced = planted(blank), []
        for name, size in SIZES.items():
            for unit in torch.randperm(size, generator=noise)[:10].tolist():
                drop = worth[name][unit].item() * (1 + 0.1 * torch.randn((), generator=noise).item())
                silenced.append(Silenced(name, unit, 1.0, drop))
        shown = reactions(seed, silenced)
        inquisitor.learn_from_ablations(shown, inquisitor.describe(shown, relief()))
    described = inquisitor.describe(reactions(100), relief())
    assert correlation(inquisitor.worth(described), planted(described)) > 0.97
    assert correlation({name: values[:, 2] for name, values in described.items()}, planted(described)) < 0.9


def test_a_planted_worth_is_recovered_from_the_scores_of_networks_that_lost_many_units():
    inquisitor, source = Inquisitor(tuple(SIZES)), generator(3)
    described = inquisitor.describe(reactions(1), relief())
    worth = planted(described)
    for _ in range(120):
        share = torch.rand(2, generator=source)
        lost = {
            name: torch.rand(size, generator=source) < share[place] for place, (name, size) in enumerate(SIZES.items())
        }
        drop = sum(worth[name][mask].sum().item() for name, mask in lost.items())
        inquisitor.learn_from_network(described, lost, drop)
    assert correlation(inquisitor.worth(described), worth) > 0.9


def test_features_are_shares_so_those_of_a_whole_group_add_up_to_one():
    described = Inquisitor(tuple(SIZES)).describe(reactions(0), relief())
    sums = torch.stack([features.sum(dim=0) for features in described.values()])
    assert torch.allclose(sums[:, 1:5], torch.ones(2, 4, dtype=torch.float64))
    assert sums[:, 0].sum().item() == pytest.approx(1) and sums[:, 5].sum().item() == pytest.approx(1)
    assert torch.allclose(sums[:, 6:], torch.eye(2, dtype=torch.float64))


def test_relief_is_what_the_cost_part_of_the_score_gains_by_one_unit(kind):
    gains = reliefs(kind.anatomy, Genome.unpruned(kind.anatomy), ("macs",))
    params, macs = 431_080, 2_293_000
    fewer_params, fewer_macs = params - (25 + 1 + 50 * 25), macs - (25 * 576 + 50 * 25 * 64)
    expected = 10 * torch.log10(torch.tensor(params / fewer_params * macs / fewer_macs, dtype=torch.float64))
    assert gains["conv1"].tolist() == pytest.approx([expected.item()] * 20)
    assert gains["conv1"][0] > gains["conv2"][0] > gains["fc1"][0] > 0


@pytest.fixture(scope="module")
def probed(kind, task):
    """A network that has lost some units, its reactions, and how it is silenced."""
    genome = Genome({"conv1": [0, 2, 3, 7], "conv2": [1, 4, 5, 8, 30], "fc1": [*range(5, 45)]})
    plan = kind.plan(genome)
    weights = {name: plan.cut(name, tensor) for name, tensor in kind.model.state_dict().items()}
    network = kind.removed(Individual(None, genome, weights))
    probe_images = Split(task.train.images[:40], task.train.labels[:40])
    with torch.no_grad():
        network.fc2.weight[:, 3] = 0  # nothing reads unit 8 of fc1

    def silent(fewer):
        left = {name: kind.plan(fewer).cut(name, plan.uncut(name, tensor)) for name, tensor in state(network).items()}
        return kind.removed(Individual(None, fewer, left))

    return network, Prober(kind.anatomy, task, probe_images)(network, genome, silent, 49, generator()), probe_images


def test_taylor_is_gradient_times_activation_summed_over_positions_for_each_image(probed, task):
    network, shown, probe_images = probed
    seen = {}
    handles = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0]}))
        for name, module in (("conv2", network.fc1), ("fc1", network.fc2))
    ]
    loss = F.cross_entropy(network(probe_images.images), probe_images.labels, reduction="sum")
    gradients = torch.autograd.grad(loss, list(seen.values()))
    [handle.remove() for handle in handles]
    products = {name: (g * a).detach().double() for (name, a), g in zip(seen.items(), gradients, strict=True)}
    expected = products["conv2"].reshape(40, 5, 16).sum(dim=2).abs().mean(dim=0)
    assert torch.allclose(shown.taylor["conv2"][[1, 4, 5, 8, 30]], expected, rtol=1e-4)
    assert torch.allclose(shown.taylor["fc1"][5:45], products["fc1"].abs().mean(dim=0), rtol=1e-4)
    spread = seen["fc1"].detach().double().var(dim=0, correction=0)
    assert torch.allclose(shown.variance["fc1"][5:45], spread, rtol=1e-4)


def test_the_dead_show_no_reaction_and_the_norm_is_that_of_a_unit_s_own_weights(probed):
    network, shown, _ = probed
    for reaction in (shown.taylor, shown.variance, shown.norm):
        assert all((values[~shown.alive[name]] == 0).all() for name, values in reaction.items())
    norm = network.fc1.weight.detach().double().square().sum(dim=1)
    assert torch.allclose(shown.norm["fc1"][5:45], norm)


def test_silencing_measures_what_the_outputs_and_the_loss_do(probed, task):
    network, shown, probe_images = probed
    ablations = {(ablation.group, ablation.unit): ablation for ablation in shown.silenced}
    assert len(ablations) == 49  # everything that lives
    assert ablations["fc1", 8].divergence == pytest.approx(0, abs=1e-6) and abs(ablations["fc1", 8].drop) < 1e-4
    with torch.no_grad():
        whole = network(probe_images.images)
        column = network.fc2.weight[:, 0].clone()
        network.fc2.weight[:, 0] = 0
        without = network(probe_images.images)
        network.fc2.weight[:, 0] = column
    rise = F.cross_entropy(without, probe_images.labels) - F.cross_entropy(whole, probe_images.labels)
    assert ablations["fc1", 5].drop == pytest.approx(17.372 * rise.item(), abs=2e-4)
    p, q = whole.softmax(1), without.softmax(1)
    assert ablations["fc1", 5].divergence == pytest.approx((p * (p / q).log()).sum(1).mean().item(), abs=1e-5)


def test_the_probe_images_are_held_out_of_training_and_validation_stays_whole(task):
    rest, probe_images = hold_out_probe_images(task, 0)
    assert (len(probe_images.labels), len(rest.train.labels)) == (119, 1078)
    keys = [{image.numpy().tobytes() for image in part.images} for part in (probe_images, rest.train, task.train)]
    assert keys[0] | keys[1] == keys[2] and not keys[0] & keys[1]
    assert torch.equal(rest.validation.images, task.validation.images)
    assert not torch.equal(hold_out_probe_images(task, 1)[1].images, probe_images.images)


def test_memory_comes_back_to_the_last_bit_and_says_when_it_is_damaged(tmp_path, kind):
    memory = Memory.first(kind.anatomy, 1 / 3)
    memory.logits["fc1"][7] = torch.pi
    inquisitor = Inquisitor(tuple(SIZES))
    inquisitor.learn_from_network(inquisitor.describe(reactions(1), relief()), reactions(1).alive, 0.1)
    memory = Memory(memory.logits, memory.pull, memory.step, inquisitor)
    run = Run.create(tmp_path / "run", resolve(None, {"ancestor": "lenet5"}))
    genome = Genome.unpruned(kind.anatomy)
    record = Record(0, 0, (), 90.0, True, genome.census(kind.anatomy))
    run.save(Individual(record, genome, state(kind.model), files=memory.files()))
    again = Memory.read(run, "g000-c0")
    assert again.files() == memory.files() and again.logits["fc1"][7] == torch.pi and again.step == 1 / 3
    (run.folder("g000-c0") / "inquisitor.json").write_text("{")
    with pytest.raises(
        UserError, match=r"inquisitor.json is damaged: .*; breed this one again: mv \S+ \S+\.damaged && "
    ):
        Memory.read(run, "g000-c0")
