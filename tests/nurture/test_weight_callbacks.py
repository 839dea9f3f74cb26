"""Callbacks of training: what acts on weights besides the gradient, and what is done to them before and after."""

import math

import pytest
import torch
from torch import nn

from edgesynth.nurture import (
    Callback,
    MovingAverage,
    Recipe,
    RewindPoint,
    Teacher,
    batches,
    newborn,
    nurture,
    reestimate,
    undrawn,
)
from edgesynth.tasks import load_task


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(256, 10)
    )


def test_without_options_training_is_the_plain_loop_bit_for_bit(task):
    """AdamW, warm-up and cosine, dropout from the global source, masks after each step: and not one draw more."""
    averaged, source = network(), generator(5)
    mask = torch.rand(10, 256, generator=generator(1)) < 0.3
    losses = nurture(averaged, task, Recipe(epochs=2), source, synapses={"5.weight": mask})

    plain, own = network(), generator(5)
    plain.get_parameter("5.weight").data.mul_(mask)
    plain.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=2e-3, weight_decay=1e-4)
    steps, step, means = 2 * math.ceil(len(task.train.labels) / 128), 0, []
    torch.manual_seed(int(torch.randint(0, 1 << 62, (), generator=own)))
    for _ in range(2):
        total = 0.0
        for batch in batches(task, 128, own):
            for group in optimizer.param_groups:
                group["lr"] = Recipe(epochs=2).rate(step, steps)
            loss = task.loss(plain(batch.images), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plain.get_parameter("5.weight").data.mul_(mask)
            total += loss.item() * len(batch.labels)
            step += 1
        means.append(total / len(task.train.labels))

    assert losses == means
    assert torch.equal(source.get_state(), own.get_state())
    for name, tensor in plain.state_dict().items():
        assert torch.equal(averaged.state_dict()[name], tensor), name


def test_the_teacher_s_share_weighs_the_two_losses(task):
    """The first step's mean loss is taken before any weight moves: it is the sum by hand."""
    whole = len(task.train.labels)

    def first(share, temperature=4.0):
        pupil = network()
        recipe = Recipe(1, batch_size=whole, distillation=share, temperature=temperature)
        return nurture(pupil, task, recipe, generator(), teacher=Teacher(network(1), task))[0]

    hard, soft = first(0.0), first(1.0)
    assert first(0.25) == pytest.approx(0.75 * hard + 0.25 * soft, rel=1e-5)
    assert first(1.0, temperature=1.0) != pytest.approx(soft, rel=1e-2)


def test_a_share_of_zero_trains_as_without_a_teacher_and_never_asks_it(task):
    class Absent(Teacher):
        def __call__(self, batch):
            raise AssertionError("a teacher without a share was asked")

    untaught, ignored = network(), network()
    expected = nurture(untaught, task, Recipe(1), generator())
    outcome = nurture(ignored, task, Recipe(1, distillation=0.0), generator(), teacher=Absent(network(1), task))
    assert outcome == expected
    assert torch.equal(untaught[5].weight, ignored[5].weight)


def test_the_moving_average_is_that_by_hand_with_its_warm_up():
    layer = nn.Linear(1, 1)
    layer.weight.data.fill_(1.0)
    average = MovingAverage(0.5)
    average.begin(layer, 1, 12)
    expected = 1.0
    for step in range(12):
        layer.weight.data.fill_(step + 2.0)
        average.after_step(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 2.0)
    assert layer.weight.item() == 13.0
    average.end()
    assert layer.weight.item() == pytest.approx(expected)
    assert 11 < expected < 13


class Watch(Callback):
    """Keeps every state that it sees."""

    def begin(self, network, epochs, steps_per_epoch):
        self.network, self.length, self.seen = network, (epochs, steps_per_epoch), [clone(network)]

    def after_step(self, step):
        assert step == len(self.seen) - 1
        self.seen.append(clone(self.network))


def clone(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_average_of_a_training_keeps_the_dead_at_zero_and_averages_statistics_too(task):
    pupil, watch = network(), Watch()
    mask = torch.rand(10, 256, generator=generator(1)) < 0.3
    nurture(pupil, task, Recipe(1), generator(), synapses={"5.weight": mask}, callbacks=[watch, MovingAverage(0.999)])
    assert watch.length == (1, 10) and len(watch.seen) == 11
    for name in ("5.weight", "1.running_var"):
        expected = watch.seen[0][name].double()
        for step, state in enumerate(watch.seen[1:]):
            decay = (1 + step) / (10 + step)
            expected = decay * expected + (1 - decay) * state[name]
        assert torch.allclose(pupil.state_dict()[name].double(), expected, atol=1e-6)
        assert not torch.allclose(pupil.state_dict()[name], watch.seen[-1][name], atol=1e-5)
    assert (pupil[5].weight[~mask] == 0).all()


def test_a_snapshot_is_the_state_after_its_share_of_the_steps(task):
    pupil, watch, early = network(), Watch(), RewindPoint(0.25)
    nurture(pupil, task, Recipe(2), generator(), callbacks=[watch, early])
    assert all(torch.equal(tensor, early.state[name]) for name, tensor in watch.seen[5].items())
    assert not torch.equal(watch.seen[6]["5.weight"], early.state["5.weight"])


def test_a_snapshot_of_no_training_is_the_state_as_it_is(task):
    pupil, early = network(), RewindPoint()
    before = clone(pupil)
    nurture(pupil, task, Recipe(0), generator(), callbacks=[early])
    assert all(torch.equal(tensor, early.state[name]) for name, tensor in before.items())


def test_a_newborn_is_drawn_by_its_generator_alone_and_keeps_what_cannot_be_drawn():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.full((4,), 7.0))
            self.linear = nn.Linear(4, 4)

    grown = Scaled()
    old = grown.linear.weight.detach().clone()
    torch.manual_seed(5)
    ahead = torch.rand(1)
    torch.manual_seed(5)
    first = newborn(grown, generator(1)).linear.weight.detach().clone()
    assert torch.equal(torch.rand(1), ahead)
    again = newborn(Scaled(), generator(1)).linear.weight
    other = newborn(Scaled(), generator(2)).linear.weight
    assert torch.equal(first, again) and not torch.equal(first, old) and not torch.equal(first, other)
    assert (grown.scale == 7).all()


def test_a_newborn_attention_is_drawn_as_when_it_is_built():
    attention = nn.MultiheadAttention(8, 2)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.fill_(9.0)
    first = {name: tensor.clone() for name, tensor in newborn(attention, generator(1)).named_parameters()}
    bound = (6 / (8 + 24)) ** 0.5  # Xavier's
    assert 0.9 * bound < first["in_proj_weight"].abs().max() <= bound
    assert 0 < first["out_proj.weight"].abs().max() <= 8**-0.5
    assert not first["in_proj_bias"].any() and not first["out_proj.bias"].any()
    again = newborn(nn.MultiheadAttention(8, 2), generator(1)).in_proj_weight
    other = newborn(nn.MultiheadAttention(8, 2), generator(2)).in_proj_weight
    assert torch.equal(first["in_proj_weight"], again) and not torch.equal(again, other)


def test_what_no_module_draws_is_told_and_the_network_stays_as_it_is():
    class Scaled(nn.Linear):
        """Its inherited `reset_parameters` does not know of the scale."""

        def __init__(self):
            super().__init__(8, 8)
            self.scale = nn.Parameter(torch.ones(8))

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.attention = nn.Parameter(torch.zeros(8)), nn.MultiheadAttention(8, 2, add_bias_kv=True)
            self.scaled, self.norm, self.shapes = Scaled(), nn.BatchNorm1d(8), nn.PReLU()

    class Drawn(nn.Module):
        def __init__(self):
            super().__init__()
            self.position = nn.Parameter(torch.zeros(8))

        def reset_parameters(self):
            nn.init.normal_(self.position)

    network = nn.Sequential(Tokens(), Drawn())
    before = clone(network)
    assert undrawn(network) == ["0.token", "0.scaled.scale"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_running_statistics_are_those_of_a_full_pass(task):
    """Mean and unbiased variance over all places of four batches of 128 images."""
    pupil = network()
    pupil[1].running_mean.fill_(50.0)
    pupil[1].num_batches_tracked.fill_(9)
    momentum = pupil[1].momentum
    reestimate(pupil, task, generator(2))
    drawn = batches(task, 128, generator(2))
    with torch.no_grad():
        seen = [pupil[0](next(drawn).images).movedim(1, 0).flatten(1) for _ in range(4)]
    assert torch.allclose(pupil[1].running_mean, torch.cat(seen, 1).mean(1), atol=1e-5)
    assert torch.allclose(pupil[1].running_var, torch.stack([images.var(1) for images in seen]).mean(0), rtol=1e-4)
    assert torch.allclose(pupil[1].running_var, torch.cat(seen, 1).var(1), rtol=0.05)
    assert pupil[1].momentum == momentum and not any(module.training for module in pupil.modules())


def test_reestimation_draws_nothing_and_changes_nothing_where_there_are_no_statistics(task):
    torch.manual_seed(0)
    pupil = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    source = generator(2)
    before, state = clone(pupil), source.get_state()
    reestimate(pupil, task, source)
    assert torch.equal(source.get_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in pupil.state_dict().items())
