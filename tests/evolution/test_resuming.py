"""A run is resumed by its own options, its own data and its own files, wherever they lie."""

import shutil

import pytest
import safetensors.torch
import torch

import edgesynth
from edgesynth.errors import UserError
from edgesynth.evolution import Progress, evolve, options_of, replay
from edgesynth.export import export_individual
from edgesynth.lineage import Config, Run, alone_in
from edgesynth.lineage.storage.sealed import read_sealed, write_sealed
from tests.tasks.own.test_own_tasks import write_images

DERIVED = ("outcome.json", "test.json", "task.json", "predictions.npz")


def small(num_classes=2):
    """A network for 3 x 8 x 8."""
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, num_classes))


class Notes(Progress):
    """Keeps what is told."""

    def __init__(self):
        self.lines, self.bred = [], []

    def note(self, line):
        self.lines.append(line)

    def individual(self, record, seconds, resumed):
        self.bred += [] if resumed else [record.name]


OPTIONS = {
    "ancestor": "tests.evolution.test_resuming:small",
    "image_size": 8,
    **{"ancestor_epochs": 1, "epochs": 1, "final_epochs": 1, "generations": 1, "offspring": 1, "threads": 1},
    "min_accuracy": 0.0,
    "strength": "magnitude",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run on images, and the images beside it."""
    place = tmp_path_factory.mktemp("finished")
    photos = write_images(place / "photos", 12)
    evolve(place / "run", Config(task=f"imagefolder:{photos}", **OPTIONS))
    return place


@pytest.fixture
def place(finished, tmp_path):
    """A copy of it; the run names the images of the original."""
    return shutil.copytree(finished, tmp_path / "elsewhere")


def resume(path, notes=None, **given):
    return evolve(path, options_of(path, given), resume=True, progress=notes)


@pytest.mark.parametrize("file", DERIVED)
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:90]), lambda path: path.unlink()])
def test_a_derived_file_is_made_anew_and_nothing_is_bred(place, file, damage):
    before = (place / "run" / file).read_bytes()
    damage(place / "run" / file)
    notes = Notes()
    resume(place / "run", notes)
    after = (place / "run" / file).read_bytes()
    assert after == before if file.endswith(".json") else len(after) == len(before)
    assert notes.bred == []


def test_a_damaged_one_is_told_of_with_the_command_that_mends_it(place):
    path = place / "run" / "outcome.json"
    path.write_text("{")
    with pytest.raises(
        UserError, match=r"outcome.json is damaged: .*; edgesynth evolve --run \S+ --resume makes it anew"
    ):
        Run.open(place / "run").outcome()
    notes = Notes()
    resume(place / "run", notes)
    assert [line for line in notes.lines if "outcome.json was damaged" in line and "made anew" in line]
    assert Run.open(place / "run").outcome()["best"] == "g001-c0"


def test_an_individual_that_is_moved_aside_is_bred_again_to_the_same_bits(place):
    """As the line on a damaged file says."""
    run = Run.open(place / "run")
    whole = run.load("g001-c0").weights
    weights = run.folder("g001-c0") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(UserError) as error:
        run.load("g001-c0")
    move, go_on = str(error.value).partition("breed this one again: ")[2].split(" && ")
    assert go_on == f"edgesynth evolve --run {run.path} --resume"
    shutil.move(*move.split()[1:])
    notes = Notes()
    resume(place / "run", notes)
    assert notes.bred == ["g001-c0"]
    assert all(torch.equal(tensor, whole[name]) for name, tensor in run.load("g001-c0").weights.items())


def test_without_what_was_kept_of_the_task_the_ancestor_tells_its_data(place):
    run = Run.open(place / "run")
    (run.path / "task.json").unlink()
    with pytest.raises(UserError, match=r"task.json is damaged: it is missing, which tells these data from others"):
        replay(run, "g001-c0")
    record = run.folder("g000-c0") / "individual.json"
    facts = read_sealed(record)
    write_sealed(record, {**facts, "validation": abs(facts["validation"] - 50)})  # as if bred with other data
    words = r"bred with other data: its ancestor had [\d.]+ % accuracy on validation and has"
    with pytest.raises(UserError, match=words):
        resume(run.path)
    assert not (run.path / "task.json").exists()


def test_the_same_folder_by_another_path_is_the_same_data(place):
    run = Run.open(place / "run")
    assert replay(run, "g001-c0", data_root=place / "photos")
    bundle = export_individual(run, "g001-c0", place / "bundle", data_root=place / "photos")
    assert bundle.ledger
    notes = Notes()
    resumed = resume(run.path, notes, data_root=place / "photos")
    assert notes.bred == [] and resumed.outcome()["best"] == "g001-c0"
    kept = Run.open(run.path).config
    assert (kept.task, kept.data_root) == ("imagefolder", place / "photos")


def test_data_that_are_gone_are_said_to_be_and_how_to_name_them(place, tmp_path):
    run = Run.open(place / "run")
    moved = Run(run.path, run.config.model_copy(update={"task": f"imagefolder:{tmp_path / 'gone'}"}))
    words = rf"were in {tmp_path / 'gone'}, which is not there, .*; say with --data-root where they are now"
    for read in (lambda: replay(moved, "g001-c0"), lambda: export_individual(moved, "g001-c0", tmp_path / "b")):
        with pytest.raises(UserError, match=words):
            read()


def test_other_images_of_the_same_number_are_other_data(place):
    write_images(place / "others", 12)
    for path in (place / "others").rglob("*.png"):
        from PIL import Image

        image = Image.open(path)
        Image.new(image.mode, image.size, 200).save(path)
    with pytest.raises(UserError, match=r"bred with other data, by its task\.json: the images of train are"):
        replay(Run.open(place / "run"), "g001-c0", data_root=place / "others")


def test_a_configuration_that_is_lost_is_written_anew_from_the_options_that_bred_the_run(place):
    path = place / "run" / "config.toml"
    whole = path.read_text()
    path.write_text(whole[:200])
    with pytest.raises(UserError, match=r"config.toml is damaged.*with every option that the run was started with"):
        options_of(place / "run", {})
    wrong = {**OPTIONS, "task": "imagefolder", "data_root": place / "photos", "epochs": 2}
    with pytest.raises(UserError, match=r"the options that are given are not those by which g001-c0 was bred"):
        resume(place / "run", **wrong)
    assert path.read_text() == whole[:200]
    notes = Notes()
    resume(place / "run", notes, **{**wrong, "epochs": 1})
    assert any("config.toml was damaged" in line for line in notes.lines) and notes.bred == []
    assert Run.open(place / "run").config.epochs == 1


def test_a_run_that_is_being_bred_is_refused_whatever_is_asked_of_it(place):
    before = {path: path.read_bytes() for path in (place / "run").rglob("*") if path.is_file() and path.name != ".lock"}
    with alone_in(place / "run"):
        for again in (
            lambda: resume(place / "run"),
            lambda: resume(place / "run", epochs=3),
            lambda: evolve(place / "run", Config(task=f"imagefolder:{place / 'photos'}", **OPTIONS)),
        ):
            with pytest.raises(UserError, match=r"run is being bred by another edgesynth evolve \(host"):
                again()
    after = {path: path.read_bytes() for path in (place / "run").rglob("*") if path.is_file() and path.name != ".lock"}
    assert before == after


def test_a_run_of_a_network_that_was_handed_over_may_be_moved(tmp_path, place):
    torch.manual_seed(4)
    network = small()
    options = {name: value for name, value in OPTIONS.items() if name != "ancestor"}
    task = f"imagefolder:{place / 'photos'}"
    run = edgesynth.evolve(network, task, tmp_path / "given", **{**options, "ancestor_epochs": 1})
    assert run.config.weights.name == "given.safetensors" and not run.config.weights.is_absolute()
    kept = safetensors.torch.load_file(run.path / "given.safetensors")
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    moved = tmp_path / "other" / "name"
    moved.parent.mkdir()
    run.path.rename(moved)
    for name in ("g000-c0", "g001-c0"):
        assert replay(Run.open(moved), name)
    text = "".join(path.read_text() for path in moved.rglob("*.json")) + (moved / "config.toml").read_text()
    assert str(tmp_path / "given") not in text


def test_weights_of_a_file_are_known_again_by_what_they_hold(tmp_path, place):
    for name, seed in (("first", 1), ("other", 2)):
        torch.manual_seed(seed)
        safetensors.torch.save_file(small().state_dict(), tmp_path / f"{name}.safetensors")
    shutil.copy(tmp_path / "first.safetensors", tmp_path / "copy.safetensors")
    options = {**OPTIONS, "task": f"imagefolder:{place / 'photos'}"}
    run = evolve(tmp_path / "run", Config(**options, weights=tmp_path / "first.safetensors"))
    assert len(read_sealed(run.folder("g000-c0") / "individual.json")["synthesis"]["weights_sha256"]) == 64
    assert resume(run.path, weights=tmp_path / "copy.safetensors").config.weights == tmp_path / "copy.safetensors"
    with pytest.raises(UserError, match="--weights holds other weights than those that the ancestor of"):
        resume(run.path, weights=tmp_path / "other.safetensors")
