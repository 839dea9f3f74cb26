"""Every file of a run is as it was written, or is named with what is wrong with it."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from edgesynth.errors import UserError
from edgesynth.lineage import DamagedError, Individual, Record, Run, resolve, state
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.storage.sealed import SEAL, digest, read_sealed, write_sealed
from edgesynth.report import write_report
from tests.tiny_ancestor import NAME

OFFSPRING = "individuals/g001-c0"
# file: what reads it
READERS = {
    "config.toml": lambda run: Run.open(run.path),
    f"{OFFSPRING}/individual.json": lambda run: run.record("g001-c0"),
    f"{OFFSPRING}/genome.json": lambda run: run.load("g001-c0"),
    f"{OFFSPRING}/weights.safetensors": lambda run: run.load("g001-c0"),
    f"{OFFSPRING}/measured.json": lambda run: run.measured("g001-c0"),
    "outcome.json": lambda run: run.outcome(),
    "test.json": lambda run: run.tested(),
    "extra_metrics.json": lambda run: run.extra_metrics(),
    "task.json": lambda run: run.task(),
    "predictions.npz": lambda run: run.predictions(),
}
JSON = [file for file in READERS if file.endswith(".json")]


def cut_off(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


def folder(path):
    path.unlink()
    path.mkdir()


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def huge(path):
    os.truncate(path, 1 << 33)


def not_utf8(path):
    path.write_bytes(b"\xff\xfe" + path.read_bytes())


@pytest.mark.parametrize(
    "damage", [cut_off, one_bit, emptied, folder, fifo, huge, not_utf8], ids=lambda damage: damage.__name__
)
@pytest.mark.parametrize("file", READERS, ids=lambda file: file.rpartition("/")[2])
def test_a_damaged_file_is_one_line_that_names_it(tiny_run, file, damage):
    path = tiny_run.path / file
    READERS[file](tiny_run)
    damage(path)
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        READERS[file](tiny_run)
    words = str(error.value)
    assert str(path) in words or (file == "config.toml" and str(tiny_run.path) in words)
    assert "\n" not in words and time.monotonic() - start < 60
    assert "delete" not in words and "rm " not in words


@pytest.mark.parametrize("text", ['{"a": ' * 100_000, "[" * 100_000, '"text"', "[1, 2]", "{}", '{"generation": 1}'])
@pytest.mark.parametrize("file", JSON, ids=lambda file: file.rpartition("/")[2])
def test_what_is_no_object_of_ours_is_damaged(tiny_run, file, text):
    (tiny_run.path / file).write_text(text)
    with pytest.raises(DamagedError, match=re.escape(str(tiny_run.path / file))):
        READERS[file](tiny_run)


def values(data, place=()):
    """(place, value) of everything within."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*place, key), value
        if isinstance(value, (dict, list)):
            yield from values(value, (*place, key))


def test_a_layer_with_a_figure_too_many_is_found_though_its_seal_is_right(tiny_run):
    path = tiny_run.path / OFFSPRING / "individual.json"
    whole = read_sealed(path)
    whole["census"]["layers"][0]["unknown"] = 1
    write_sealed(path, whole)
    with pytest.raises(DamagedError, match=re.escape(str(path))):
        tiny_run.record(OFFSPRING.rpartition("/")[2])


def test_a_value_of_another_type_is_found_though_its_seal_is_right(tiny_run):
    """As a release with a fault, or a forger, would write it."""
    tried = 0
    for file in (f"{OFFSPRING}/individual.json", "outcome.json", "test.json", "task.json"):
        path = tiny_run.path / file
        whole = read_sealed(path)
        free = ("notes", "front", "samples", "synthesis")  # what may lack, or hold anything
        for place, value in values(whole):
            if set(place) & set(free) or isinstance(value, (dict, list)):
                continue
            changed = json.loads(json.dumps(whole))
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = [value]
            write_sealed(path, changed)
            with pytest.raises(DamagedError):
                READERS[file](tiny_run)
            tried += 1
        write_sealed(path, whole)
    assert tried > 60


def resealed(path, change):
    """Change the values of a sealed file and seal it again."""
    data = read_sealed(path)
    change(data)
    write_sealed(path, data)


def test_a_census_that_was_copied_is_counted_again(tiny_run, tiny):
    other = tiny_run.record("g000-c0").to_json()["census"]
    resealed(tiny_run.folder("g001-c0") / "individual.json", lambda data: data.update(census=other))
    with pytest.raises(DamagedError, match="it counts 3,494 synapses, and its genome has 294;"):
        tiny_run.load("g001-c0", tiny.anatomy)


def test_totals_that_are_not_those_of_the_layers_are_found(tiny_run):
    resealed(tiny_run.folder("g001-c0") / "individual.json", lambda data: data["census"].update(macs=7))
    with pytest.raises(DamagedError, match="the totals of its census are not those of its layers"):
        tiny_run.record("g001-c0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(name="g001-c1"), "it is that of g001-c1"),
        (lambda data: data.update(generation=2), "it is that of g001-c0"),
        (lambda data: data.update(parents=["g001-c1"]), r"its parents \(g001-c1\) are not older than it is"),
        (lambda data: data.update(parents=["../x"]), "parents.0 is"),
        (lambda data: data.update(threads=0), "threads is 0: input should be greater than or equal to 1"),
        (lambda data: data.update(generation=10**20), "generation is 100000000000000000000"),
        (lambda data: data["files"].clear(), "individual.json knows of no such file"),
    ],
)
def test_a_record_that_is_none_of_its_place_is_found(tiny_run, change, words):
    resealed(tiny_run.folder("g001-c0") / "individual.json", change)
    with pytest.raises(DamagedError, match=words):
        tiny_run.load("g001-c0")


def saved(run, tiny, change):
    """The offspring written anew, its genome or its tensors changed, every sum right."""
    whole = run.load("g001-c0")
    genome = Genome(dict(whole.genome.kept), dict(whole.genome.synapses), dict(whole.genome.precision))
    weights = dict(whole.weights)
    change(genome, weights)
    run.save(Individual(whole.record, genome, weights))


@pytest.mark.parametrize(
    ("change", "file", "words"),
    [
        (lambda genome, weights: genome.kept.update({"9": [0]}), "genome.json", "names a cluster group '9'"),
        (lambda genome, weights: genome.kept.update({"0": [0, 6]}), "genome.json", "keeps cluster 6 of 0, which has 6"),
        (lambda genome, weights: genome.kept.update({"0": [2, 0]}), "genome.json", "not in ascending order"),
        (
            lambda genome, weights: genome.kept.update({"0": []}),
            "genome.json",
            "it keeps no cluster of 0, which is in no branch that died",
        ),
        (lambda genome, weights: genome.kept.pop("0"), "individual.json", "it counts"),
        (
            lambda genome, weights: genome.synapses.update({"3.weight": torch.ones(20, 149, dtype=torch.bool)}),
            "genome.json",
            r"synapses.3.weight is of \(20, 149\), and the ancestor's weight of \(20, 150\)",
        ),
        (
            lambda genome, weights: genome.synapses.update({"3.wait": torch.ones(2, 2, dtype=torch.bool)}),
            "genome.json",
            "speaks of '3.wait'",
        ),
        (lambda genome, weights: weights.pop("5.bias"), "weights.safetensors", "it lacks 5.bias"),
        (lambda genome, weights: weights.update(more=torch.ones(1)), "weights.safetensors", "it holds more"),
        (
            lambda genome, weights: weights.update({"5.bias": torch.ones(9)}),
            "weights.safetensors",
            r"5.bias is \(9,\) of float32, and by the genome \(10,\) of float32",
        ),
        (
            lambda genome, weights: weights.update({"5.bias": torch.ones(10, dtype=torch.float64)}),
            "weights.safetensors",
            r"5.bias is \(10,\) of float64",
        ),
    ],
)
def test_an_individual_of_another_network_is_found(tiny_run, tiny, change, file, words):
    saved(tiny_run, tiny, change)
    with pytest.raises(DamagedError, match=words) as error:
        tiny_run.load("g001-c0", tiny.anatomy)
    assert error.value.path == tiny_run.folder("g001-c0") / file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mask: mask.update(shape=[20, 151]), "does not hold the 378 bytes of its 3,020 synapses"),
        (lambda mask: mask.update(shape=[20, 149]), "does not hold the 373 bytes of its 2,980 synapses"),
        (lambda mask: mask.update(shape=[1 << 20, 1 << 20]), "a weight has at most"),
        (lambda mask: mask.update(deflated_bits="!!"), "cannot be unpacked"),
        (lambda mask: mask.update(deflated_bits=mask["deflated_bits"][:-8]), "does not hold the 375 bytes"),
        (lambda mask: mask.update(shape=[]), "does not hold the 1 bytes"),
    ],
)
def test_a_mask_has_as_many_bits_as_its_shape(tiny_run, change, words):
    """A shorter one was padded with dead synapses."""
    data = read_sealed(tiny_run.folder("g001-c0") / "genome.json")
    change(data["synapses"]["3.weight"])
    with pytest.raises(ValueError, match=words):
        Genome.from_json(data)


def test_weights_of_another_individual_are_not_taken_for_its_own(tiny_run):
    shutil.copy(tiny_run.folder("g000-c0") / "genome.json", tiny_run.folder("g001-c0") / "genome.json")
    with pytest.raises(DamagedError, match=r"not the genome that individual\.json was written with"):
        tiny_run.load("g001-c0")


def test_a_configuration_that_was_cut_short_is_not_filled_with_defaults(tiny_run):
    path = tiny_run.path / "config.toml"
    lines = path.read_text().splitlines(keepends=True)
    assert lines[-1].startswith("sha256 = ")
    for kept in (len(lines) - 1, len(lines) - 3, 2, 0):
        path.write_text("".join(lines[:kept]))
        with pytest.raises(DamagedError, match=r"config.toml is damaged: it was cut short"):
            Run.open(tiny_run.path)
    path.write_text("".join(line for line in lines if not line.startswith("epochs")))
    with pytest.raises(DamagedError, match="changed since it was written"):
        Run.open(tiny_run.path)


def test_a_run_of_an_older_release_is_one_line(tiny_run):
    path = tiny_run.path / "config.toml"
    path.write_text('schema_version = 1\nancestor = "lenet5"\n')
    with pytest.raises(UserError, match=r"has schema_version 1 and this edgesynth reads 2: another release made this"):
        Run.open(tiny_run.path)


def test_the_configuration_of_a_run_serves_another_run_edited_or_not(tiny_run, tmp_path):
    edited = (tiny_run.path / "config.toml").read_text().replace("seed = 0", "seed = 5")
    (tmp_path / "mine.toml").write_text(edited)
    assert resolve(tmp_path / "mine.toml", {}).seed == 5


def test_an_individual_of_other_options_is_not_taken_into_the_run(tiny_run, tmp_path):
    other = Run.create(tmp_path / "other", resolve(None, {"ancestor": NAME, "keep": 0.3}))
    shutil.copytree(tiny_run.folder("g001-c0"), other.folder("g001-c0"))
    shutil.copytree(tiny_run.folder("g000-c0"), other.folder("g000-c0"))
    assert other.record("g000-c0").generation == 0  # the same ancestor serves both
    with pytest.raises(UserError, match=r"was bred by other options than \S+config.toml has"):
        other.record("g001-c0")


def test_individuals_that_were_moved_aside_are_none(tiny_run):
    tiny_run.folder("g001-c0").rename(tiny_run.folder("g001-c0.damaged"))
    os.mkdir(os.fsencode(tiny_run.path / "individuals") + b"/g001-c\xff")
    assert tiny_run.names() == ["g000-c0"]
    with pytest.raises(UserError, match=r"no individual 'g001-c0\.damaged'; it has g000-c0"):
        tiny_run.record("g001-c0.damaged")


@pytest.fixture
def ordinary_user():
    """What may not be read may not be read: the superuser, who may, is another user for a while."""
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    yield
    if superuser:
        os.seteuid(0)


def test_what_may_not_be_read_is_not_called_damaged(tiny_run, monkeypatch, request):
    (tiny_run.path / "outcome.json").chmod(0)
    tiny_run.path.chmod(0o755)
    monkeypatch.chdir(tiny_run.path)  # whatever is around it may be closed to that user
    tiny_run.path = Path()
    request.getfixturevalue("ordinary_user")
    with pytest.raises(UserError) as caught:
        tiny_run.outcome()
    said = "outcome.json cannot be read: Permission denied. Nothing says that it is damaged"
    assert str(caught.value).startswith(said) and not isinstance(caught.value, DamagedError)


def test_the_threads_of_an_individual_are_in_its_record(tiny_run):
    (tiny_run.folder("g001-c0") / "measured.json").unlink()
    assert tiny_run.threads("g001-c0") == torch.get_num_threads()


def test_a_lost_measurement_costs_its_times_alone(tiny_run):
    path = tiny_run.folder("g001-c0") / "measured.json"
    cut_off(path)
    with pytest.raises(DamagedError, match=r"move it aside \(mv (\S+) \1.damaged\): its times are lost, nothing else"):
        write_report(tiny_run)
    path.rename(f"{path}.damaged")
    assert "g001-c0" in write_report(tiny_run).read_text()


def test_white_space_is_no_damage(tiny_run):
    path = tiny_run.path / "test.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert tiny_run.tested() == {"g000-c0": 88.0, "g001-c0": 88.0}


def test_a_seal_is_of_every_value_and_its_order():
    assert digest({"a": 1, "b": 2}) != digest({"b": 2, "a": 1}) != digest({"b": 2, "a": 1.0})
    assert SEAL == "sha256"


def test_a_folder_where_a_file_belongs_is_told_when_it_is_written(tiny_run, tiny):
    shutil.rmtree(tiny_run.folder("g001-c0"))
    tiny_run.folder("g001-c0").write_text("")
    genome = Genome.unpruned(tiny.anatomy)
    record = Record(1, 0, ("g000-c0",), 1.0, True, genome.census(tiny.anatomy))
    with pytest.raises(UserError, match="g001-c0 is a file where the folder of an individual belongs; move it aside"):
        tiny_run.save(Individual(record, genome, state(tiny.model)))
    (tiny_run.path / "test.json").unlink()
    (tiny_run.path / "test.json").mkdir()
    with pytest.raises(UserError, match=r"test.json is damaged: it is a folder and no file"):
        tiny_run.save_tested("g000-c0", 1.0)


def test_a_tensor_that_was_changed_is_found_by_its_sum(tiny_run):
    path = tiny_run.folder("g001-c0") / "weights.safetensors"
    weights = safetensors.torch.load_file(path)
    weights["5.bias"][3] += 1e-7
    safetensors.torch.save_file(weights, path)
    with pytest.raises(DamagedError, match=r"weights.safetensors is damaged: it was changed since it was written"):
        tiny_run.load("g001-c0")
