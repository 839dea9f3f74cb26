import pytest

from tests.tiny_ancestor import NAME


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--precision", "int1"], ["--precision is int1", "'fp32', 'fp16', 'int8'", "'int2'"]),
        (["--layer-precision", "conv9=int8"], ["'conv9'", "the layers are conv1, conv2, fc1, fc2"]),
    ],
)
def test_a_precision_that_there_is_none_of_is_refused_before_anything_is_written(
    tmp_path, edgesynth, refused, arguments, words
):
    refused(edgesynth("evolve", *arguments, "--run", "run", cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_evolve_prints_the_size_in_bits_of_a_best_below_full_precision(tmp_path, edgesynth):
    options = "--ancestor-epochs 2 --generations 1 --offspring 1 --epochs 0 --final-epochs 1 --min-accuracy 1"
    options += f" --ancestor {NAME} --precision int8 --run run"
    result = edgesynth("evolve", *options.split(), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    size = next(line for line in result.stdout.splitlines() if line.startswith("Size: "))
    bits = int(size.split()[1].replace(",", ""))
    synapses = int(result.stdout.split("g001-c0")[1].split("synapses")[1].split()[0].replace(",", ""))
    assert size.endswith("bits of synapses, biases and normalization.") and 8 * synapses < bits < 9 * synapses
