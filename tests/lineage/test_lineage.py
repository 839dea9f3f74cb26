import json
import os

import pytest
import torch

from edgesynth.anatomy import prove
from edgesynth.errors import UserError
from edgesynth.lineage import (
    Config,
    Genome,
    Individual,
    Record,
    Run,
    generator,
    is_taken,
    parse_individual,
    resolve,
    species,
    state,
)
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.tasks import load_task

KEPT = {"conv1": [0, 3, 5], "conv2": [1, 7, 20, 33], "fc1": [*range(40)]}


@pytest.fixture(scope="module")
def kind():
    return species("lenet5", load_task("digits"), 0)


@pytest.fixture(scope="module")
def individual(kind):
    genome = Genome(KEPT, {"fc1.weight": torch.rand(500, 800, generator=torch.Generator().manual_seed(1)) < 0.5})
    network = kind.removed(Individual(None, genome, _cut(kind, genome)))
    record = Record(2, 1, ("g001-c0",), 97.5, True, genome.census(kind.anatomy), {"drawn_clusters": 47}, {"epochs": 3})
    return Individual(record, genome, state(network))


def _cut(kind, genome):
    plan = kind.plan(genome)
    return {name: plan.cut(name, tensor) for name, tensor in kind.model.state_dict().items()}


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", resolve(None, {}))


def test_an_individual_comes_back_as_it_was_saved(run, individual):
    run.save(individual)
    again = run.load("g002-c1")
    assert again.record == individual.record
    assert again.genome.kept == KEPT
    assert torch.equal(again.genome.synapses["fc1.weight"], individual.genome.synapses["fc1.weight"])
    assert all(torch.equal(tensor, again.weights[name]) for name, tensor in individual.weights.items())


def test_the_masked_network_has_the_ancestor_s_size_and_the_removed_one_s_outputs(kind, individual):
    images = torch.randn(5, 1, 28, 28)
    masked, removed = kind.masked(individual), kind.removed(individual)
    assert masked.conv2.weight.shape == (50, 20, 5, 5) and removed.conv2.weight.shape == (4, 3, 5, 5)
    assert masked.fc1.weight[0, 0] != 0  # a reader of a dead cluster keeps its weights, so that a constant would show
    assert torch.allclose(masked(images), removed(images), atol=1e-6)


def test_the_species_is_drawn_from_the_seed_alone(kind):
    torch.manual_seed(99)
    again, other = species("lenet5", load_task("digits"), 0), species("lenet5", load_task("digits"), 1)
    assert torch.equal(kind.model.fc1.weight, again.model.fc1.weight)
    assert not torch.equal(kind.model.fc1.weight, other.model.fc1.weight)
    images = (torch.randn(2, 1, 28, 28),)
    assert prove(kind.model, kind.anatomy, KEPT, images)


def test_draws_for_different_purposes_places_and_seeds_differ():
    draws = {
        torch.rand(1, generator=generator(*place)).item()
        for place in [
            (0, 1, 2, "nurture"),
            (0, 1, 2, "synthesis"),
            (0, 2, 1, "nurture"),
            (1, 1, 2, "nurture"),
            (0, 1, 2, "nurture"),
        ]
    }
    assert len(draws) == 4


def test_an_individual_without_its_record_does_not_exist(run, individual):
    run.save(individual)
    (run.folder("g002-c1") / "individual.json").unlink()
    assert run.names() == [] and not run.has("g002-c1")
    with pytest.raises(UserError, match="no individual 'g002-c1'; it has none yet"):
        run.record("g002-c1")


def test_individuals_are_listed_by_generation_and_child(run, individual):
    for generation, child in [(10, 0), (2, 11), (2, 2), (0, 0)]:
        record = Record(**{**vars(individual.record), "generation": generation, "child": child})
        run.save(Individual(record, individual.genome, individual.weights))
    assert run.names() == ["g000-c0", "g002-c2", "g002-c11", "g010-c0"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_named_with_the_way_out(run, individual):
    run.save(individual)
    weights = run.folder("g002-c1") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    again = r"breed this one again: mv (\S+) \1.damaged && edgesynth evolve --run \S+ --resume$"
    with pytest.raises(UserError, match=rf"weights.safetensors is damaged: it has 100 bytes of [\d,]+; {again}"):
        run.load("g002-c1")


def test_a_run_that_exists_is_not_created_again(run):
    with pytest.raises(UserError, match="exists already; continue it with --resume"):
        Run.create(run.path, run.config)


def test_what_a_run_left_that_was_killed_before_its_configuration_was_whole_is_no_run(tmp_path):
    path = tmp_path / "run"
    assert not is_taken(path)
    (path / "individuals").mkdir(parents=True)
    (path / ".config.toml.77.tmp").write_text("schema_ver")
    assert not is_taken(path)
    assert Run.open(Run.create(path, resolve(None, {})).path).config == resolve(None, {})
    assert is_taken(path)
    (tmp_path / "file").write_text("")
    (tmp_path / "mine" / "photos").mkdir(parents=True)
    (tmp_path / "mine" / "photos" / "cat.jpg").write_text("")
    assert is_taken(tmp_path / "file") and is_taken(tmp_path / "mine")


def test_the_configuration_survives_the_file_and_is_versioned(tmp_path):
    config = resolve(None, {"keep": 0.3, "max_clusters": 59, "data_root": tmp_path})
    run = Run.create(tmp_path / "run", config)
    assert Run.open(run.path).config == config
    assert "schema_version = 2" in (run.path / "config.toml").read_text()


def test_options_overlay_the_file_and_the_file_overlays_the_defaults(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("keep = 0.25\nseed = 7\n")
    config = resolve(file, {"seed": 8})
    assert (config.keep, config.seed, config.generations) == (0.25, 8, Config.model_fields["generations"].default)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep": 0.0}, "--keep is 0.0; it must be greater than 0"),
        ({"keep": 1.5}, "--keep is 1.5; it must be less than or equal to 1"),
        ({"encoding": "gene"}, "--encoding is gene; it must be 'synapse' or 'cluster'"),
        ({"generations": 0}, "--generations is 0; it must be greater than or equal to 1"),
        ({"min_accuracy": 101.0}, "--min-accuracy is 101.0; it must be less than or equal to 100"),
        ({"keep": float("nan")}, "--keep is nan"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range_and_default(given, message):
    with pytest.raises(UserError, match="default") as error:
        resolve(None, given)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_file_with_an_unknown_name_is_refused_with_the_known_ones(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("keeep = 0.25\n")
    with pytest.raises(UserError, match=r"sets 'keeep', which is not an option; the options are .*keep") as error:
        resolve(file, {})
    assert "schema_version" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('executor = "ray"', "sets 'executor', which is no part of a run; give --executor on the command line"),
        ("gpus_per_offspring = 1", "which is no part of a run; give --gpus-per-offspring on the command line"),
        ("schema_version = 3", "config.toml has schema_version 3 and this edgesynth reads 2; leave it out, or"),
    ],
)
def test_what_a_file_cannot_say_is_refused_in_words_of_its_own(tmp_path, text, message):
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        resolve(file, {})


@pytest.mark.parametrize(("text", "message"), [("keep = ", "is not TOML"), (None, "cannot be read")])
def test_a_file_that_is_not_toml_or_not_there_is_refused(tmp_path, text, message):
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message):
        resolve(file, {})


def test_a_bare_run_means_its_best_and_a_colon_names_one(run, individual):
    run.save(individual)
    run.save_outcome({"best": "g002-c1"})
    assert parse_individual(str(run.path))[1] == "g002-c1"
    assert parse_individual(f"{run.path}:g002-c1")[1] == "g002-c1"
    with pytest.raises(UserError, match="no individual 'g009-c0'; it has g002-c1"):
        parse_individual(f"{run.path}:g009-c0")


@pytest.mark.parametrize(
    ("outcome", "message"),
    [(None, r"its run is not finished \(it has no outcome.json\)"), ({"best": None}, "none meets its accuracy floor")],
)
def test_a_run_without_a_best_says_why(run, individual, outcome, message):
    run.save(individual)
    if outcome:
        run.save_outcome(outcome)
    with pytest.raises(UserError, match=message):
        parse_individual(str(run.path))


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"is not a run: it has no config\.toml"):
        parse_individual(str(tmp_path))


def test_genome_masks_are_compact(individual):
    text = json.dumps(individual.genome.to_json())
    assert len(text) < 500 * 800 / 4


def test_precision_and_scales_come_back_as_they_were_saved(run, individual):
    genome = Genome(KEPT, individual.genome.synapses, {"fc1.weight": "int4", "fc2.weight": "fp16"})
    scales = {"fc1.weight_scale": torch.rand(40) + 0.1, "fc1.input_scale": torch.tensor(0.03)}
    run.save(Individual(individual.record, genome, individual.weights, scales))
    again = run.load("g002-c1")
    assert again.genome.precision == {"fc1.weight": "int4", "fc2.weight": "fp16"}
    assert set(again.scales) == set(scales) and all(torch.equal(scales[name], again.scales[name]) for name in scales)
    (run.folder("g002-c1") / "scales.safetensors").unlink()
    with pytest.raises(UserError, match=r"scales.safetensors is damaged: it is missing; breed this one again"):
        run.load("g002-c1")


def test_a_genome_written_before_there_were_precisions_is_all_fp32(run, individual):
    data = individual.genome.to_json()
    assert "precision" not in data and Genome.from_json(data).precision == {}
    run.save(individual)
    assert not (run.folder("g002-c1") / "scales.safetensors").exists() and run.load("g002-c1").scales == {}


def test_the_quantized_network_rounds_activations_and_the_removed_one_does_not(kind, individual):
    genome = Genome(KEPT, individual.genome.synapses, {"fc2.weight": "int2"})
    scales = {"fc2.weight_scale": torch.ones(10), "fc2.input_scale": torch.tensor(0.2)}
    quantized = Individual(individual.record, genome, individual.weights, scales)
    seen = {}
    for name, network in (("plain", kind.removed(quantized)), ("device", kind.quantized(quantized))):
        network.fc2.register_forward_hook(lambda module, inputs, outputs, name=name: seen.update({name: inputs[0]}))
        network(torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    assert set(seen["device"].unique().tolist()) <= {0.0, torch.tensor(0.2).item()}
    assert seen["plain"].unique().numel() > 10
