"""The rehearsal of an export comes before the ancestor's training, once, and what it refuses leaves nothing behind."""

import pytest
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.evolution import Progress, evolve
from edgesynth.lineage import Config, Run
from tests import few_digits
from tests.tiny_ancestor import NAME

OPTIONS = {
    "ancestor": NAME,
    "task": few_digits.NAME,
    "ancestor_epochs": 1,
    "generations": 1,
    "offspring": 1,
    "epochs": 0,
    "final_epochs": 0,
    "min_accuracy": 0.0,
    "strength": "magnitude",
}


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def note(self, line):
        self.lines.append(line)

    def nurture(self, name, epochs, census):
        self.lines.append(name)


def refusing(*given):
    raise UserError("no individual could be exported")


def test_what_is_refused_leaves_no_run_and_trains_nothing(tmp_path):
    heard = Heard()
    with pytest.raises(UserError, match=r"^no individual could be exported$"):
        evolve(tmp_path / "run", Config(**OPTIONS), progress=heard, rehearse=refusing)
    assert heard.lines == [] and not (tmp_path / "run").exists()


def test_what_is_told_is_told_before_the_training_and_of_what_is_to_be_bred(tmp_path):
    weights = build_ancestor(NAME).state_dict()
    torch.save(weights, tmp_path / "weights.pth")
    config, given, heard = Config(**OPTIONS, weights=tmp_path / "weights.pth", precision="int8"), [], Heard()

    def telling(*arguments):
        given.append(arguments)
        return ["there will be no INT8"]

    run = evolve(tmp_path / "run", config, progress=heard, rehearse=telling)
    ((told_config, kind, task, state, bred),) = given
    assert heard.lines == ["there will be no INT8", "g000-c0", "g001-c0"]
    assert told_config == config and task.name == "digits" and kind.input_shape == task.input_shape
    assert all(torch.equal(tensor, weights[name]) for name, tensor in state.items())
    assert set(bred.values()) == {"int8"}
    (run.path / "outcome.json").unlink()
    evolve(tmp_path / "run", config, resume=True, rehearse=refusing)  # the ancestor is trained already
    assert len(Run.open(tmp_path / "run").names()) == 2
