import pytest
import torch
import torch.nn.functional as F

from edgesynth.nurture import distillation_loss


def test_classes_are_taught_as_they_were():
    torch.manual_seed(0)
    pupil, teacher = torch.randn(2, 6, 5)
    expected = 16 * F.kl_div(
        F.log_softmax(pupil / 4, dim=1), F.log_softmax(teacher / 4, dim=1), log_target=True, reduction="batchmean"
    )
    assert torch.equal(distillation_loss(pupil, teacher), expected)


def test_classes_of_pixels_are_taught_pixel_by_pixel():
    torch.manual_seed(0)
    pupil, teacher = torch.randn(2, 3, 5, 4, 2)
    rows = [maps.permute(0, 2, 3, 1).reshape(-1, 5) for maps in (pupil, teacher)]
    assert torch.allclose(distillation_loss(pupil, teacher), distillation_loss(*rows))


@pytest.mark.parametrize("teaching", ["classes", "logits", "numbers"])
def test_a_pupil_that_answers_alike_has_no_loss_and_another_is_drawn_to_the_teacher(teaching):
    torch.manual_seed(0)
    teacher = torch.randn(4, 3, 5, 5)
    pupil = torch.zeros_like(teacher).requires_grad_()
    assert distillation_loss(teacher, teacher, 4.0, teaching).abs() < 1e-5
    loss = distillation_loss(pupil, teacher, 4.0, teaching)
    (gradient,) = torch.autograd.grad(loss, pupil)
    nearer = distillation_loss((pupil - 50 * gradient).detach(), teacher, 4.0, teaching)
    assert 0 < nearer < loss


def test_the_divergence_of_logits_is_that_of_two_classes():
    torch.manual_seed(0)
    pupil, teacher = torch.randn(2, 40, 1)
    two = [torch.cat([logits, torch.zeros_like(logits)], dim=1) for logits in (pupil, teacher)]
    assert distillation_loss(pupil, teacher, 2.0, "logits") == pytest.approx(distillation_loss(*two, 2.0).item(), 1e-4)
