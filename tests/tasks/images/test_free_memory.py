"""Memory that is free in a container, by files as the kernel writes them."""

import pytest

from edgesynth.tasks.images import free_memory
from edgesynth.tasks.images.free_memory import available_bytes

MIB = 1 << 20


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.parametrize(
    "files",
    [
        {
            "memory.max": f"{64 * MIB}\n",
            "memory.current": f"{50 * MIB}\n",
            "memory.stat": f"anon 7\ninactive_file {10 * MIB}\n",
        },
        {
            "memory/memory.limit_in_bytes": f"{64 * MIB}\n",
            "memory/memory.usage_in_bytes": f"{50 * MIB}\n",
            "memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {10 * MIB}\n",
        },
    ],
    ids=["version 2", "version 1"],
)
def test_a_container_has_what_its_bound_leaves_and_not_what_the_machine_has(tmp_path, monkeypatch, files):
    write(tmp_path, files)
    monkeypatch.setattr(free_memory, "CGROUPS", tmp_path)
    assert available_bytes() == 24 * MIB


@pytest.mark.parametrize("bound", ["max\n", "", f"{1 << 62}\n"])
def test_without_a_bound_there_is_what_the_machine_has(tmp_path, monkeypatch, bound):
    write(tmp_path, {"memory.max": bound, "memory.current": "5\n", "memory.stat": ""})
    monkeypatch.setattr(free_memory, "CGROUPS", tmp_path)
    assert available_bytes() > 64 * MIB
