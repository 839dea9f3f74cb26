"""INT8 by a real calibrator: TensorRT is shown the images of samples.npz, batch by batch."""

import numpy as np
import pytest

from ...conftest import read_npz, write_classifier, write_manifest
from ..conftest import ORIN, TX2, of
from .test_standin import BEGIN

INT8 = ("--precision", "int8", "--calibrate", "samples")


def _without_ranges(bundle):
    (bundle / "ranges.json").unlink()
    (bundle / "model.int8.onnx").unlink()
    write_manifest(bundle)


def _change_samples(bundle, **arrays):
    np.savez(bundle / "samples.npz", **{**read_npz(bundle), **arrays})
    write_manifest(bundle)


@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("8.6", ORIN), ("10.3", ORIN), ("10.16", ORIN)])
def test_the_ranges_are_those_of_the_images_shown(version, gpu, on_tensorrt, tensorrt_bundle):
    # On the very images that are scored nothing is cut off.
    calibration = read_npz(tensorrt_bundle)["images"]
    _change_samples(tensorrt_bundle, calibration=calibration)
    code, result, _, err = on_tensorrt(version, gpu, *INT8)
    assert code == 0, err
    assert of(result, "int8")["built"]["source"] == "model.onnx + entropy calibration on samples.npz"
    fine = of(result, "int8")["max_abs_error"]
    # One image twenty times as bright among them, the last: ranges that saw it are twenty times as coarse.
    calibration[-1] *= 20
    _change_samples(tensorrt_bundle, calibration=calibration)
    _, result, _, _ = on_tensorrt(version, gpu, *INT8)
    assert of(result, "int8")["max_abs_error"] > 5 * fine


def test_the_cache_is_kept_for_other_batches_and_not_for_other_images(on_tensorrt, tensorrt_bundle, tmp_path):
    assert on_tensorrt("8.2", TX2, *INT8)[0] == 0
    (kept,) = (tmp_path / "cache/edgesynth/tensorrt").glob("calibration-*")
    text = kept.read_bytes().split(b"\n", 1)[1].decode()
    assert text.startswith("TRT-8201-EntropyCalibration2\nimages: ")
    code, _, _, err = on_tensorrt("8.2", TX2, *INT8, "--batch", "3,8")
    assert code == 0, err
    assert len(list((tmp_path / "cache/edgesynth/tensorrt").glob("calibration-*"))) == 1
    _change_samples(tensorrt_bundle, calibration=2 * read_npz(tensorrt_bundle)["calibration"])
    assert on_tensorrt("8.2", TX2, *INT8)[0] == 0
    assert len(list((tmp_path / "cache/edgesynth/tensorrt").glob("calibration-*"))) == 2


@pytest.mark.parametrize("batch, used", [("1", 4), ("3", 3), ("8", 4)])
def test_whole_batches_are_shown_and_too_few_images_repeated(batch, used, on_tensorrt, tensorrt_bundle, tmp_path):
    # Image k has the magnitude k + 1: the range tells how far TensorRT saw.
    images = np.ones((4, 1, 8, 8), np.float32) * np.arange(1, 5, dtype=np.float32)[:, None, None, None]
    _change_samples(tensorrt_bundle, calibration=images)
    assert on_tensorrt("10.3", ORIN, *INT8, "--batch", batch)[0] == 0
    (kept,) = (tmp_path / "cache/edgesynth/tensorrt").glob("calibration-*")
    bits = kept.read_bytes().split(b"images: ")[1].strip().decode().zfill(8)
    assert np.frombuffer(bytes.fromhex(bits), ">f4")[0] == pytest.approx(used / 127)


def test_without_ranges_int8_is_calibrated_where_it_is_asked_for(on_tensorrt, tensorrt_bundle):
    _without_ranges(tensorrt_bundle)
    _, result, _, _ = on_tensorrt("8.2", TX2)
    assert result["settings"]["precisions"] == ["fp32", "fp16"]
    code, result, _, err = on_tensorrt("8.2", TX2, "--precision", "int8")
    assert code == 0, err
    assert of(result, "int8")["built"]["source"].endswith("entropy calibration on samples.npz")


def test_ranges_are_taken_where_they_are_asked_for(on_tensorrt):
    _, result, _, _ = on_tensorrt("8.6", ORIN, "--precision", "int8", "--calibrate", "ranges")
    assert of(result, "int8")["built"]["source"] == "model.onnx + ranges.json"


def test_a_fixed_batch_is_calibrated_at_that_batch(on_tensorrt, tensorrt_bundle):
    write_classifier(tensorrt_bundle / "model.onnx", batch=4)
    write_manifest(tensorrt_bundle)
    code, _, _, err = on_tensorrt("8.2", TX2, *INT8, "--batch", "4")
    assert code == 0, err


@pytest.mark.parametrize(
    "arrays, said",
    [
        ({"calibration": np.zeros((4, 1, 8, 9), np.float32)}, "holds calibration images float32 [4, 1, 8, 9]"),
        ({"calibration": np.zeros((0, 1, 8, 8), np.float32)}, "K at least 1: export again"),
        ({"calibration": np.full((4, 1, 8, 8), np.nan, np.float32)}, "finite"),
        ({"calibration": np.zeros((4, 1, 8, 8), np.float32)}, "no scaling factors detected"),
    ],
)
def test_images_that_calibrate_nothing_are_one_line(arrays, said, on_tensorrt, tensorrt_bundle, tmp_path):
    _change_samples(tensorrt_bundle, **arrays)
    code, _, _, err = on_tensorrt("8.2", TX2, *INT8)
    assert (code, len(err.splitlines())) == (2, 1), err
    assert said in err
    assert not list((tmp_path / "cache").glob("**/calibration-*"))


def test_samples_without_calibration_images_are_one_line(on_tensorrt, tensorrt_bundle):
    arrays = read_npz(tensorrt_bundle)
    del arrays["calibration"]
    np.savez(tensorrt_bundle / "samples.npz", **arrays)
    write_manifest(tensorrt_bundle)
    code, _, _, err = on_tensorrt("8.2", TX2, *INT8)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "has no calibration images that can be read" in err


def test_a_batch_beyond_the_memory_gives_its_images_back_before_half_of_it_is_tried(on_tensorrt):
    code, result, _, err = on_tensorrt("8.2", TX2, *INT8, "--batch", "4096", STANDIN_MEMORY="1000000")
    assert code == 0, err
    # 16 times the images to build and the calibrator's own: 17 * 128 * 256 bytes are within a megabyte.
    assert [(one["asked_batch"], one["batch"]) for one in result["measurements"]] == [(4096, 128)]
    assert [line.count("does not fit the GPU's memory") for line in err.splitlines()[:3]] == [1, 0, 0]


@pytest.mark.parametrize("version, more", [("11.1", ()), ("8.2", ("--engine", "onnxruntime"))])
def test_where_nothing_is_calibrated_asking_for_it_is_one_line(version, more, on_tensorrt):
    code, _, _, err = on_tensorrt(version, ORIN, *INT8, *more)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--calibrate samples was given and nothing is calibrated by this engine (TensorRT 8 to 10 calibrate)" in err


SHOWN = """
config.set_flag(trt.BuilderFlag.INT8)
class Shown(trt.IInt8EntropyCalibrator2):
    def __init__(self): trt.IInt8EntropyCalibrator2.__init__(self); self.left = [{pointers}]
    def get_batch_size(self): return {batch}
    def get_batch(self, names): return self.left.pop() if self.left else None
    def read_calibration_cache(self): return None
    def write_calibration_cache(self, cache): print(bytes(cache).split()[0])
images = cuda.mem_alloc(2 * 64 * 4); cuda.memcpy_htod(images, np.ones((2, 1, 8, 8), np.float32))
network = shaped(parse({plain!r}))
{profile}
config.int8_calibrator = Shown()
builder.build_serialized_network(network, config)
print(log.lines[-1] if log.lines else "")
"""
PROFILE = (
    "profile = builder.create_optimization_profile(); shape = (2, 1, 8, 8)\n"
    'profile.set_shape("images", shape, shape, shape); config.set_calibration_profile(profile)'
)


@pytest.mark.parametrize(
    "pointers, batch, profile, said",
    [
        ("[int(images)]", 2, PROFILE, "b'TRT-8201-EntropyCalibration2'"),
        ("[int(images)]", 1, "", "Calibration batch 1 is not the profile's 2"),
        ("[int(images)]", 1, PROFILE, "Calibration batch 1 is not the profile's 2"),
        ("[4096 + 7]", 2, PROFILE, "KeyError"),
        ("[int(images)]*2", 2, PROFILE, "ValueError"),
        ("", 2, PROFILE, "no scaling factors detected"),
    ],
)
def test_the_stand_in_refuses_a_calibrator_that_the_real_one_refuses(
    pointers, batch, profile, said, script, pristine_tensorrt_bundle
):
    lines = SHOWN.format(
        pointers=pointers, batch=batch, profile=profile, plain=str(pristine_tensorrt_bundle / "model.onnx")
    )
    assert said in script("8.2", TX2, BEGIN + lines)
