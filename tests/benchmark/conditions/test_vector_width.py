"""Floats in a vector of a processor, by the flags that Linux names."""

import pytest

from edgesynth.benchmark.conditions.vector_width import vector_floats


@pytest.mark.parametrize(
    ("line", "floats"),
    [
        ("flags\t\t: fpu sse2 avx avx2 avx512f avx512bw", 16),
        ("flags\t\t: fpu sse2 avx avx2", 8),
        ("flags\t\t: fpu sse2", 4),
        ("Features\t: fp asimd evtstrm", 4),
    ],
)
def test_the_widest_unit_counts(tmp_path, line, floats):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(f"processor\t: 0\n{line}\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert vector_floats(str(tmp_path)) == floats


def test_without_flags_it_is_a_usual_vector(tmp_path, monkeypatch):
    for architecture, floats in (("aarch64", 4), ("AMD64", 8)):
        monkeypatch.setattr("platform.machine", lambda architecture=architecture: architecture)
        assert vector_floats(str(tmp_path)) == floats
