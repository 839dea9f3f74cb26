import math

import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.nurture import Quantizers, Recipe, nurture, outputs, score
from edgesynth.quantization import along_rows, fitted_scale, largest_level, learnable_scale, quantize, quantize_inputs
from edgesynth.quantization.learned_scale import LearnedScale
from edgesynth.tasks import load_task

WEIGHTS = ("0.weight", "5.weight")


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Identity(), nn.Linear(256, 10)
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def trained(task, precision, epochs=2, scales=None):
    pupil = network()
    quantizers = Quantizers(pupil, dict.fromkeys(WEIGHTS, precision), scales)
    recipe = Recipe(epochs=epochs, batch_size=64, learning_rate=5e-3)
    nurture(pupil, task, recipe, generator(), learned=quantizers.parameters())
    return pupil, quantizers.settle(lambda: task.train.images[:64])


def test_scales_start_where_lsq_puts_them_and_int8_at_the_largest_value():
    values = torch.tensor([[1.0, -3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    living = values.count_nonzero(dim=1)
    assert learnable_scale(values, 7, living).tolist() == [pytest.approx(2 * 2 / math.sqrt(7)), 1.0]
    assert learnable_scale(values, 7, torch.tensor([4, 4])).tolist() == [pytest.approx(2 * 1 / math.sqrt(7)), 1.0]
    assert learnable_scale(values, 127, living).tolist() == [pytest.approx(3 / 127), 1.0]


@pytest.mark.parametrize("most", [1, 7, 127])
def test_a_fitted_scale_errs_less_than_the_largest_value_s_and_about_as_little_as_a_fine_search(most):
    values = torch.randn(3, 2000, generator=generator())

    def error(scale):
        return (quantize(values, scale[:, None], most) - values).square().sum(dim=1)

    largest = values.abs().amax(dim=1) / most
    reached = error(fitted_scale(values, most, torch.tensor([2000] * 3)))
    finest = torch.stack([error(largest * fraction / 1000) for fraction in range(20, 1001)]).amin(dim=0)
    assert (reached <= error(largest)).all() and (reached <= 1.05 * finest).all()


def test_the_gradient_of_a_scale_is_lsq_s_over_the_root_of_values_and_levels():
    weight = torch.tensor([[0.6, -0.1, 10.0], [0.2, 0.0, 0.3]])
    scale = LearnedScale(7, learnable_scale, known=torch.tensor([0.5, 0.1]), rows=2)
    scale(weight).sum().backward()
    # By hand: row 0, v = 1.2, -0.2, 20: (1 - 1.2) + (0 + 0.2) + 7; row 1, v = 2, 0, 3: nothing. Of the logarithm: * s.
    by_hand = torch.tensor([(-0.2 + 0.2 + 7) / math.sqrt(3 * 7) * 0.5, 0.0])
    assert torch.allclose(scale.logarithm.grad, by_hand, atol=1e-6)

    activations = torch.tensor([[0.6, 10.0], [-0.1, -9.0]])
    scale = LearnedScale(7, learnable_scale, known=torch.tensor(0.5))
    (scale(activations) * torch.tensor([1.0, 2.0])).sum().backward()
    assert scale.logarithm.grad.item() == pytest.approx((-0.2 + 0.2 + 2 * 7 - 2 * 7) / math.sqrt(2 * 7) * 0.5, abs=1e-6)
    assert scale.scale.shape == ()


@pytest.mark.parametrize("precision", ["int8", "int4", "int2"])
def test_stored_weights_are_whole_multiples_of_their_scales_bit_for_bit(task, precision):
    pupil, scales = trained(task, precision, epochs=1)
    assert set(scales) == {"0.weight_scale", "0.input_scale", "5.weight_scale", "5.input_scale"}
    most = largest_level(precision)
    for layer in ("0", "5"):
        weight, scale = pupil.get_parameter(f"{layer}.weight").detach(), scales[f"{layer}.weight_scale"]
        scale = along_rows(scale, weight)
        levels = (weight / scale).round()
        assert torch.equal(levels * scale, weight)
        assert levels.unique().numel() <= 2 * most + 1 and levels.abs().max() <= most
        assert scales[f"{layer}.input_scale"].shape == ()
    assert pupil[0].weight.detach().unique().numel() > 4  # a scale for each of four channels


def test_training_at_three_bits_reaches_what_chance_and_rounding_afterwards_do_not(task):
    precision = dict.fromkeys(WEIGHTS, "int3")
    pupil, scales = trained(task, "int3", epochs=12)
    learned = score(quantize_inputs(pupil, precision, scales), task, task.validation)

    plain = network()
    nurture(plain, task, Recipe(epochs=12, batch_size=64, learning_rate=5e-3), generator())
    fitted = Quantizers(plain, precision, start=fitted_scale).settle(lambda: task.train.images[:256])
    afterwards = score(quantize_inputs(plain, precision, fitted), task, task.validation)
    assert learned > 90 and learned > afterwards


def test_scales_are_learned_and_not_decayed(task):
    _, start = trained(task, "int4", epochs=0)
    _, end = trained(task, "int4", epochs=2)
    assert all((end[name] != start[name]).any() for name in start)
    assert all((end[name] / start[name]).log().abs().max() < 1 for name in start if "weight" in name)


def test_quantizers_leave_class_names_and_export_as_they_were(task):
    pupil = network().eval()
    names, parameters = list(pupil.state_dict()), [id(parameter) for parameter in pupil.parameters()]
    kinds = [type(module) for module in pupil.modules()]
    quantizers = Quantizers(pupil, dict.fromkeys(WEIGHTS, "int4"))
    assert list(pupil.state_dict()) == names
    pupil(task.train.images[:8])
    quantizers.settle(lambda: task.train.images[:8])
    assert list(pupil.state_dict()) == names and [id(parameter) for parameter in pupil.parameters()] == parameters
    assert [type(module) for module in pupil.modules()] == kinds
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in pupil.modules())
    assert all("weight" not in vars(module) for module in pupil.modules())
    images = task.train.images[:2]
    exported = torch.export.export(pupil, (images,)).module()
    assert torch.allclose(exported(images), pupil(images), atol=1e-6)


def test_a_layer_that_fails_gets_its_trained_weight_back(task):
    pupil = network()
    Quantizers(pupil, {"5.weight": "int4"})
    with pytest.raises(RuntimeError):
        pupil[5](torch.zeros(1, 3))
    assert isinstance(pupil[5].weight, nn.Parameter)


def test_no_precision_trains_to_the_same_bits_as_without_quantizers(task):
    steps = []
    for quantized in (False, True):
        pupil = network()
        quantizers = Quantizers(pupil, {})
        nurture(
            pupil, task, Recipe(epochs=1), generator(), **({"learned": quantizers.parameters()} if quantized else {})
        )
        assert quantizers.settle(lambda: pytest.fail("no images are needed")) == {}
        steps.append(pupil[5].weight.detach().clone())
    assert torch.equal(*steps)


def test_the_layers_that_are_not_named_stay_at_full_precision(task):
    pupil = network()
    before = pupil[5].weight.detach().clone()
    scales = Quantizers(pupil, {"0.weight": "int2"}).settle(lambda: task.train.images[:64])
    assert set(scales) == {"0.weight_scale", "0.input_scale"}
    assert torch.equal(pupil[5].weight, before) and pupil[0].weight[0].unique().numel() <= 3


def test_half_precision_needs_no_scales_and_loses_small_weights(task):
    pupil = network()
    with torch.no_grad():
        pupil[5].weight[0, :3] = torch.tensor([1e-9, 1 / 3, -2.0])
    assert Quantizers(pupil, dict.fromkeys(WEIGHTS, "fp16")).settle(lambda: pytest.fail("no images are needed")) == {}
    weight = pupil[5].weight.detach()
    assert weight[0, :3].tolist() == [0.0, 0.333251953125, -2.0]
    assert torch.equal(weight.half().float(), weight)


def test_dead_synapses_do_not_count_for_the_scale_of_the_living(task):
    pupil, masked = network(), torch.zeros(10, 256, dtype=torch.bool)
    masked[:, :2] = True
    with torch.no_grad():
        pupil[5].weight[:, :2] = torch.tensor([1.0, -2.0])
    quantizers = Quantizers(pupil, {"5.weight": "int4"})
    nurture(pupil, task, Recipe(epochs=0), generator(), synapses={"5.weight": masked})
    scales = quantizers.settle(lambda: task.train.images[:64])
    assert scales["5.weight_scale"].tolist() == pytest.approx([2 * 1.5 / math.sqrt(7)] * 10)


def test_scales_go_on_from_the_parent_s(task):
    known = {"5.weight_scale": torch.linspace(0.01, 0.1, 10), "5.input_scale": torch.tensor(0.3)}
    pupil = network()
    settled = Quantizers(pupil, {"5.weight": "int4"}, known).settle(lambda: pytest.fail("all scales are known"))
    assert all(torch.allclose(settled[name], known[name], rtol=1e-6) for name in known)


def test_a_weight_that_two_layers_share_is_rounded_once_and_each_has_its_own_input_scale(task):
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    pair = nn.Sequential(first, nn.ReLU(), second)
    quantizers = Quantizers(pair, {"0.weight": "int4"})
    scales = quantizers.settle(lambda: torch.randn(8, 4, generator=generator()))
    assert set(scales) == {"0.weight_scale", "0.input_scale", "2.input_scale"}
    assert pair[0].weight is pair[2].weight and scales["0.input_scale"] != scales["2.input_scale"]


def test_a_layer_that_is_never_called_is_named(task):
    idle = nn.ModuleDict({"used": nn.Linear(4, 4), "idle": nn.Linear(4, 4)})
    idle.forward = lambda images: idle["used"](images)
    quantizers = Quantizers(idle, {"used.weight": "int4", "idle.weight": "int4"})
    with pytest.raises(UserError, match=r"idle cannot be quantized: .* --layer-precision idle=fp32"):
        quantizers.settle(lambda: torch.ones(2, 4))


def test_while_it_trains_a_network_answers_as_its_device_will(task):
    pupil = network().eval()
    precision = dict.fromkeys(WEIGHTS, "int4")
    quantizers = Quantizers(pupil, precision)
    during = outputs(pupil, task.validation.images[:50])
    scales = quantizers.settle(lambda: pytest.fail("the batch was seen"))
    plain = outputs(pupil, task.validation.images[:50])
    assert torch.allclose(outputs(quantize_inputs(pupil, precision, scales), task.validation.images[:50]), during)
    assert not torch.allclose(plain, during, atol=1e-2)
