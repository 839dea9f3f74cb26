"""NVML through the real ctypes calls, against a C library with its entry points: no GPU is needed."""

import time

import pytest

from edgesynth.benchmark.power import Nvml, find, opened
from edgesynth.benchmark.power.meter import UnreadableError


def test_the_energy_of_a_gpu_is_read_between_the_steps_of_its_counter(nvml):
    meter = Nvml.find(library=nvml())
    assert (meter.rails, meter.gpu_rail) == (["Stand-in GPU"], "Stand-in GPU")
    with opened(meter) as meter:
        meter.start()
        time.sleep(1.25)
        reading = meter.stop()
    # The ends of the window alone would be wrong by up to a step of 20 J.
    assert reading.rails_mj["Stand-in GPU"] == pytest.approx(200e3 * reading.duration_s, rel=0.03)
    assert reading.values >= 10


def test_of_several_gpus_one_must_be_chosen(nvml, monkeypatch):
    library = nvml("-DGPUS=2")
    with pytest.raises(UnreadableError, match=r"NVML shows 2 GPUs .* set CUDA_VISIBLE_DEVICES to the UUID of one"):
        Nvml.find(library=library)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-right")
    assert Nvml.find(library=library).source["gpu"] == "GPU-right"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-wrong")
    with pytest.raises(UnreadableError, match=r"nvmlDeviceGetHandleByUUID fails: Invalid Argument \(2\)"):
        Nvml.find(library=library)


def test_a_driver_without_a_gpu_is_no_meter(nvml):
    with pytest.raises(UnreadableError, match="NVML shows no GPU"):
        Nvml.find(library=nvml("-DGPUS=0"))


def test_a_gpu_without_an_energy_counter_is_refused_in_nvmls_words(nvml):
    with pytest.raises(UnreadableError, match=r"nvmlDeviceGetTotalEnergyConsumption fails: Not Supported \(3\)"):
        Nvml.find(library=nvml("-DTOO_OLD"))


def test_a_machine_without_nvml_says_which_library_is_missing():
    with pytest.raises(UnreadableError, match=r"no NVML found \(libabsent\.so: "):
        Nvml.find(library="libabsent.so")


def test_an_engine_on_the_cpu_is_not_measured_by_the_gpus_counter(tmp_path):
    assert "NVML" not in find(str(tmp_path), device="cpu").reason
    assert "RAPL" not in find(str(tmp_path), device="gpu").reason
