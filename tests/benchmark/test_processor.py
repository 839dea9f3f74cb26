"""What a processor's INT8 products are, from its flags, and what is said of a file that is not exact on it."""

import pytest

from edgesynth.benchmark.bundle.bundle import Model
from edgesynth.benchmark.bundle.processor import saturates, why_inexact

AVX2 = "fpu sse2 ssse3 fma avx avx2 bmi2"
AVX512 = AVX2 + " avx512f avx512bw avx512vl"


@pytest.fixture
def root(tmp_path):
    """A root whose processor has these flags."""

    def build(flags, name="flags"):
        (tmp_path / "proc").mkdir(exist_ok=True)
        core = f"processor\t: 0\nmodel name\t: Some CPU\n{name}\t\t: {flags}\n\n"
        (tmp_path / "proc/cpuinfo").write_text(core * 2)
        return str(tmp_path)

    return build


@pytest.mark.parametrize(
    ("flags", "name", "expected"),
    [
        (AVX2, "flags", True),
        (AVX512, "flags", True),
        (AVX512 + " avx512_vnni", "flags", False),
        (AVX2 + " avx_vnni", "flags", False),
        (AVX512 + " amx_tile amx_int8", "flags", False),
        ("fpu sse2 ssse3", "flags", False),
        ("fp asimd crc32 asimddp", "Features", False),
        ("fp asimd crc32", "Features", None),
    ],
)
def test_sums_saturate_on_x86_with_wide_vectors_and_without_vnni(root, flags, name, expected):
    assert saturates(root(flags, name)) is expected


def test_a_processor_that_cannot_be_read_is_not_known(tmp_path):
    assert saturates(str(tmp_path)) is None


def model(dialect, exact_on):
    return Model("model.int8-cpu.onnx", dialect, 1, exact_on=exact_on)


@pytest.mark.parametrize(
    ("dialect", "exact_on", "flags", "told"),
    [
        ("onnxruntime-cpu", "vnni", AVX2, True),
        ("onnxruntime-cpu", None, AVX2, True),  # an older bundle: its weights have 8 bits
        ("onnxruntime-cpu", "any", AVX2, False),
        ("onnxruntime-cpu", "vnni", AVX512 + " avx512_vnni", False),
        ("tensorrt", None, AVX2, False),
        (None, None, AVX2, False),
    ],
)
def test_a_file_that_is_not_exact_here_is_told_of(root, dialect, exact_on, flags, told):
    why = why_inexact(model(dialect, exact_on), root(flags))
    assert (why is not None) == told
    if told:
        assert why == (
            "its 8-bit weights are exact on processors with VNNI alone, and Some CPU has none: INT8 sums saturate "
            "here; export it again with --int8-cpu-target any"
        )
