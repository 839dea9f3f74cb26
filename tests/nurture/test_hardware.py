import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.nurture import Hardware, Recipe, choose_autocast, choose_device, nurture, resident, score
from edgesynth.nurture.hardware import WORTH_BF16, reproducible, seeded
from edgesynth.tasks import load_task

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, so cuda is not refused")
def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without():
    with pytest.raises(UserError, match=r"--device is cuda and torch finds no GPU.*--device auto or cpu"):
        choose_device("cuda")
    assert choose_device("auto") == choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("amx", "avx512", "vendor", "expected"),
    [
        (True, False, "GenuineIntel", torch.bfloat16),
        (False, True, "AuthenticAMD", torch.bfloat16),
        (False, True, "GenuineIntel", None),
        (False, False, "AuthenticAMD", None),
        (False, True, None, None),
    ],
)
def test_on_a_cpu_bf16_is_for_large_networks_on_processors_that_gain_by_it(
    amx, avx512, vendor, expected, monkeypatch, tmp_path
):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr("edgesynth.nurture.hardware.CPU_INFO", tmp_path / "cpuinfo")
    if vendor:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    assert choose_autocast("auto", CPU, WORTH_BF16) is expected
    assert choose_autocast("auto", CPU, WORTH_BF16 - 1) is None
    assert choose_autocast("none", CPU, 1 << 40) is None
    assert choose_autocast("bf16", CPU, 1) is torch.bfloat16


def test_bf16_training_learns_rounds_and_repeats_bit_for_bit(task):
    def trained(autocast):
        pupil = network()
        hardware = Hardware(CPU, autocast)
        losses = nurture(pupil, task, Recipe(4, 64, 5e-3), torch.Generator().manual_seed(1), hardware=hardware)
        return pupil, losses

    (first, losses), (again, _), (plain, plain_losses) = map(trained, (torch.bfloat16, torch.bfloat16, None))
    assert torch.equal(first[3].weight, again[3].weight)
    assert losses != plain_losses and losses[-1] == pytest.approx(plain_losses[-1], rel=0.2)
    assert first[3].weight.dtype == torch.float32
    assert abs(score(first, task, task.validation) - score(plain, task, task.validation)) < 3


def test_layers_compute_in_bf16_and_the_loss_sees_float32():
    seen = []
    layer = nn.Linear(4, 3)
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    assert Hardware(CPU, torch.bfloat16).forward(layer, torch.randn(2, 4)).dtype == torch.float32
    assert Hardware().forward(layer, torch.randn(2, 4)).dtype == torch.float32
    assert seen == [torch.bfloat16, torch.float32]
    assert Hardware(CPU, torch.bfloat16).to_json() == {"device": "cpu", "autocast": "bf16"}


def test_on_a_cpu_the_task_and_the_algorithms_stay_as_they_are(task):
    assert resident(task, CPU) is task
    with reproducible(CPU):
        assert not torch.are_deterministic_algorithms_enabled()


def test_global_draws_within_start_at_the_seed_and_leave_no_trace():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with seeded(CPU, 7):
        within = torch.rand(1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(within, torch.rand(1, generator=torch.Generator().manual_seed(7)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
def test_a_gpu_trains_as_well_and_repeats_bit_for_bit(task, autocast):
    device = torch.device("cuda")
    results = []
    with reproducible(device):
        for _ in range(2):
            pupil = network()
            nurture(
                pupil,
                resident(task, device),
                Recipe(12, 64, 5e-3),
                torch.Generator().manual_seed(1),
                hardware=Hardware(device, autocast),
            )
            results.append(pupil)
    assert results[0][3].weight.device.type == "cuda"
    assert torch.equal(results[0][3].weight, results[1][3].weight)
    assert score(results[0], task, task.validation) > 90
