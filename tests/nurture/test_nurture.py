import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.errors import UserError
from edgesynth.nurture import (
    Callback,
    Recipe,
    Teacher,
    batches,
    check_batch_size,
    distillation_loss,
    nurture,
    outputs,
    score,
    squared_gradients,
)
from edgesynth.tasks import load_task


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(256, 10))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_training_reaches_an_accuracy_that_chance_and_a_linear_guess_do_not(task):
    pupil = network()
    losses = nurture(pupil, task, Recipe(epochs=12, batch_size=64, learning_rate=5e-3), generator())
    assert len(losses) == 12 and losses[-1] < 0.3 * losses[0]
    assert score(pupil, task, task.validation) > 93
    assert not pupil.training


def test_dead_synapses_are_zero_after_training_and_the_others_have_moved(task):
    pupil = network()
    before = pupil[4].weight.detach().clone()
    mask = torch.rand(10, 256, generator=generator(1)) < 0.3
    nurture(pupil, task, Recipe(epochs=1), generator(), synapses={"4.weight": mask})
    after = pupil[4].weight.detach()
    assert (after[~mask] == 0).all()
    assert (after[mask] != before[mask]).float().mean() > 0.99


def test_training_depends_on_nothing_but_its_generator(task):
    results = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        torch.rand(noise)
        pupil = network()
        nurture(pupil, task, Recipe(epochs=1), generator(5))
        results.append(pupil[4].weight.detach().clone())
    assert torch.equal(*results)


def test_training_leaves_the_global_random_state_alone(task):
    pupil = network()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    nurture(pupil, task, Recipe(epochs=1), generator())
    assert torch.equal(torch.rand(1), expected)


def first(task, images):
    """The task with so many images to train on."""
    return replace(task, train=task.train.part(torch.arange(images)))


@pytest.mark.parametrize(
    ("images", "size", "sizes"),
    [
        (96, 32, [32, 32, 32]),
        (98, 32, [32, 32, 32, 2]),
        (97, 32, [32, 32, 33]),
        (33, 32, [33]),
        (31, 32, [31]),
        (3, 1, [1, 1, 1]),
        (1, 32, [1]),
    ],
)
def test_a_single_image_that_is_left_over_joins_the_batch_before(task, images, size, sizes):
    drawn = list(batches(first(task, images), size, generator()))
    assert [len(batch.labels) for batch in drawn] == sizes
    assert sorted(torch.cat([batch.indices for batch in drawn]).tolist()) == list(range(images))


class Counted(Callback):
    def begin(self, network, epochs, steps_per_epoch):
        self.told, self.taken = epochs * steps_per_epoch, 0

    def after_step(self, step):
        self.taken += 1


def normalized():
    """Its last normalization sees one value of a channel for each image."""
    return nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(256, 9),
                         nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 10))  # fmt: skip


@pytest.mark.parametrize(("images", "steps"), [(129, 2), (130, 3), (65, 1)])
def test_batch_normalization_trains_whatever_is_left_over_and_influences_know_the_steps(task, images, steps):
    counted = Counted()
    losses = nurture(normalized(), first(task, images), Recipe(2, batch_size=64), generator(), callbacks=[counted])
    assert len(losses) == 2 and counted.taken == counted.told == 2 * steps


def test_steps_of_one_image_are_refused_where_batch_normalization_would_see_one_value(task):
    shape = task.input_shape
    with pytest.raises(
        UserError, match=r"--batch-size is 1 and train has 90 images, .* batch normalization 4 one value"
    ):
        check_batch_size(normalized(), shape, images=90, batch_size=1)
    with pytest.raises(UserError, match="--batch-size is 64 and train has 1 image, so"):
        check_batch_size(normalized(), shape, images=1, batch_size=64)
    check_batch_size(normalized(), shape, images=90, batch_size=2)
    check_batch_size(normalized()[:4], shape, images=90, batch_size=1)  # 64 values of each channel


def test_a_pupil_that_is_only_taught_learns_the_teacher_s_answers(task):
    class Silent(type(task)):
        def loss(self, outputs, labels):
            return outputs.sum() * 0

    silent = Silent(task.name, task.train, task.validation, task.load_test, task.labels)
    teacher = network()
    nurture(teacher, task, Recipe(epochs=12, batch_size=64, learning_rate=5e-3), generator())
    pupil = network()
    nurture(
        pupil,
        silent,
        Recipe(epochs=12, batch_size=64, learning_rate=5e-3),
        generator(7),
        teacher=Teacher(teacher, task),
    )
    assert score(pupil, task, task.validation) > 90


@pytest.mark.parametrize("most", [1 << 28, 0])
def test_the_teacher_answers_each_image_as_it_was_shifted_from_memory_or_at_once(task, monkeypatch, most):
    monkeypatch.setattr("edgesynth.nurture.teacher.teaching.MOST_REMEMBERED", most)
    teacher = network().eval()
    taught = Teacher(teacher, task)
    for batch in batches(task, 500, generator(3)):
        assert torch.allclose(taught(batch), teacher(batch.images), atol=1e-5)
        assert not torch.allclose(taught(batch), teacher(task.train.images[batch.indices]), atol=1e-2)


def test_distillation_is_zero_for_equal_logits_and_the_divergence_by_hand_otherwise():
    logits, taught = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.0, 4.0, -4.0]])
    assert distillation_loss(taught, taught).abs() < 1e-6
    p, q = F.softmax(taught / 4, 1), F.softmax(logits / 4, 1)
    assert distillation_loss(logits, taught).item() == pytest.approx(16 * (p * (p / q).log()).sum().item(), rel=1e-5)


def test_the_rate_warms_up_and_falls_as_a_cosine():
    recipe = Recipe(epochs=1, learning_rate=0.1, warm_up=0.1)
    assert recipe.rate(0, 100) == pytest.approx(0.01)
    assert recipe.rate(9, 100) == pytest.approx(0.1)
    assert recipe.rate(55, 100) == pytest.approx(0.05)
    assert recipe.rate(100, 100) == pytest.approx(0)


def test_outputs_in_chunks_are_those_of_one_batch(task):
    pupil = network().eval()
    images = task.train.images[:1100]
    with torch.no_grad():
        assert torch.allclose(outputs(pupil, images), pupil(images), atol=1e-5)


def test_frozen_weights_have_gradients_too(task, monkeypatch):
    monkeypatch.setattr("edgesynth.nurture.gradients.BATCHES", 2)
    pupil, frozen = network(), network().requires_grad_(False)
    frozen.load_state_dict(pupil.state_dict())
    wanted = squared_gradients(pupil, task, ["0.weight", "4.weight"], generator(2))
    squares = squared_gradients(frozen, task, ["0.weight", "4.weight"], generator(2))
    assert all(torch.equal(squares[name], tensor) for name, tensor in wanted.items())


def test_squared_gradients_are_the_mean_of_squares_by_hand(task, monkeypatch):
    monkeypatch.setattr("edgesynth.nurture.gradients.BATCHES", 3)
    pupil = network()
    squares = squared_gradients(pupil, task, ["4.weight"], generator(2))["4.weight"]
    total, drawn = torch.zeros(10, 256), batches(task, 16, generator(2))
    for _ in range(3):
        batch = next(drawn)
        pupil.zero_grad()
        task.loss(pupil(batch.images), batch.labels).backward()
        total += pupil[4].weight.grad ** 2
    assert torch.allclose(squares, total / 3, rtol=1e-4, atol=1e-12)
    assert math.isfinite(squares.sum().item()) and squares.max() > 0
