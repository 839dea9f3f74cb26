import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.nurture import Recipe, Teacher, batches, distillation_loss, nurture, outputs, score, squared_gradients
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
    monkeypatch.setattr("edgesynth.nurture.teaching.MOST_REMEMBERED", most)
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


def test_squared_gradients_are_the_mean_of_squares_by_hand(task, monkeypatch):
    monkeypatch.setattr("edgesynth.nurture.sensitivity.BATCHES", 3)
    pupil = network()
    found = squared_gradients(pupil, task, ["4.weight"], generator(2))["4.weight"]
    total, drawn = torch.zeros(10, 256), batches(task, 64, generator(2))
    for _ in range(3):
        batch = next(drawn)
        pupil.zero_grad()
        task.loss(pupil(batch.images), batch.labels).backward()
        total += pupil[4].weight.grad ** 2
    assert torch.allclose(found, total / 3, rtol=1e-4, atol=1e-12)
    assert math.isfinite(found.sum().item()) and found.max() > 0
