"""Teaching by features: the distance, where it is watched, and what it does to a training."""

import copy

import pytest
import torch
from torch import nn

from edgesynth.nurture import FeatureDistance, Recipe, Teacher, nurture
from edgesynth.tasks import load_task


def network(width=6):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, width, 3),
        nn.ReLU(),
        nn.Conv2d(width, 4, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 10),
    )


def images():
    return torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_distance_is_relative_to_the_teacher_and_a_mean_over_the_places():
    teacher, pupil = network(), network()
    with torch.no_grad():
        pupil[0].weight.mul_(0.5), pupil[0].bias.mul_(0.5)
    with FeatureDistance(pupil, teacher, {"2": None}) as alone:
        teacher(images()), pupil(images())
        assert alone().item() == pytest.approx(0.25)
    with FeatureDistance(pupil, teacher, {"0": None, "2": None}) as both:
        teacher(images()), pupil(images())
        assert both().item() == pytest.approx(0.125)


def test_a_narrower_pupil_is_held_to_the_channels_that_it_has():
    teacher, pupil, kept = network(), network(3), torch.tensor([0, 2, 5])
    with torch.no_grad():
        pupil[0].weight.copy_(teacher[0].weight[kept]), pupil[0].bias.copy_(teacher[0].bias[kept])
        pupil[2].weight.copy_(teacher[2].weight[:, kept]), pupil[2].bias.copy_(teacher[2].bias)
    with FeatureDistance(pupil, teacher, {"2": kept, "5": None}) as distance:
        teacher(images()), pupil(images())
        at_the_end = distance().item()
        assert at_the_end > 0.01
    with FeatureDistance(pupil, teacher, {"2": kept}) as distance:
        teacher(images()), pupil(images())
        assert distance().item() == 0


def test_nothing_is_watched_after_the_context_or_an_error_in_it():
    teacher, pupil = network(), network()
    with pytest.raises(ZeroDivisionError), FeatureDistance(pupil, teacher, {"2": None}):
        raise ZeroDivisionError
    assert not any(module._forward_pre_hooks for one in (teacher, pupil) for module in one.modules())


def test_the_teacher_takes_no_gradient():
    teacher, pupil = network(), network()
    with FeatureDistance(pupil, teacher, {"5": None}) as distance:
        with torch.no_grad():
            teacher(images())
        pupil(images() * 2)
        distance().backward()
    assert pupil[0].weight.grad.abs().sum() > 0 and teacher[0].weight.grad is None


def test_a_training_with_features_comes_nearer_to_its_teacher_s():
    task = load_task("digits")
    teacher = network()
    draws = torch.Generator().manual_seed(0)
    nurture(teacher, task, Recipe(epochs=2, batch_size=64), draws)
    begun = copy.deepcopy(teacher)
    with torch.no_grad():
        begun[0].weight.add_(torch.randn(begun[0].weight.shape, generator=draws) * 0.3)
    distances = {}
    for weight in (0.0, 3.0):
        pupil = copy.deepcopy(begun)
        recipe = Recipe(epochs=3, batch_size=64, features=weight)
        nurture(
            pupil, task, recipe, torch.Generator().manual_seed(1), teacher=Teacher(teacher, task), places={"2": None}
        )
        with torch.no_grad(), FeatureDistance(pupil, teacher, {"2": None}) as distance:
            teacher(task.validation.images), pupil(task.validation.images)
            distances[weight] = distance().item()
    assert distances[3.0] < 0.5 * distances[0.0]


def test_without_distillation_features_teach_alone():
    task = load_task("digits")
    recipe = Recipe(epochs=1, batch_size=64, distillation=0.0, features=1.0)
    results = []
    for places in ({}, {"2": None}):
        pupil = network()
        nurture(pupil, task, recipe, torch.Generator().manual_seed(1), teacher=Teacher(network(), task), places=places)
        results.append(pupil[0].weight.detach().clone())
    assert not torch.equal(*results)
