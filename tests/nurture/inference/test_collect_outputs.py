import gc
import shutil
import tempfile
from types import SimpleNamespace

import pytest
import torch

from edgesynth.errors import UserError
from edgesynth.nurture import collect_outputs, outputs
from edgesynth.nurture.inference import collect_outputs as module
from edgesynth.nurture.inference.collect_outputs import collected_bytes

FREE = 64 * 1024


@pytest.fixture
def little_memory(monkeypatch, tmp_path):
    """64 kB are free, and temporary files go to the folder that is returned."""
    monkeypatch.setattr(module, "available_bytes", lambda: FREE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def mapped(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a map of a file."""
    with open("/proc/self/maps") as maps:
        spans = [line.split(maxsplit=5) for line in maps]
    where = tensor.data_ptr()
    within = (span for span in spans if int(span[0].split("-")[0], 16) <= where < int(span[0].split("-")[1], 16))
    return any("edgesynth-" in span[-1] for span in within)


@pytest.mark.parametrize(("count", "in_file"), [(32, False), (33, True)])
def test_an_eighth_of_the_free_memory_is_filled_and_what_is_more_lies_in_a_file(little_memory, count, in_file):
    expected = torch.randn(count, 64)  # 256 bytes each, 8 kB are an eighth
    collected = collect_outputs(expected.split(5), count)
    assert torch.equal(collected, expected)
    assert mapped(collected) is in_file
    del collected
    gc.collect()
    assert not list(little_memory.iterdir())


@pytest.mark.parametrize(("count", "expected"), [(5, 5 * 256), (32, FREE // 8), (1000, FREE // 8)])
def test_memory_that_outputs_take_is_known_before(little_memory, count, expected):
    assert collected_bytes(count, (4, 4, 4)) == expected


def test_shapes_and_types_stay(little_memory):
    for dtype in (torch.float16, torch.float32, torch.int64):
        expected = torch.arange(2 * 3 * 4096).reshape(2, 3, 64, 64).to(dtype)
        collected = collect_outputs(iter([expected]), 2)
        assert collected.dtype == dtype and torch.equal(collected, expected)


def test_outputs_of_a_network_are_the_same_in_a_file(little_memory, monkeypatch):
    network, images = torch.nn.Conv2d(1, 8, 3, padding=1), torch.randn(4, 1, 32, 32)
    in_file = outputs(network, images)
    monkeypatch.setattr(module, "available_bytes", lambda: 1 << 30)
    in_memory = outputs(network, images)
    assert mapped(in_file) and not mapped(in_memory)
    assert torch.equal(in_file, in_memory)


def test_where_the_disk_is_too_small_too_a_line_says_what_to_do(little_memory, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=20_000))
    with pytest.raises(UserError, match=r"outputs for 1,000 images take .* TMPDIR .* --image-size"):
        collect_outputs(iter([torch.zeros(10, 64)]), 1000)
    assert not list(little_memory.iterdir())
