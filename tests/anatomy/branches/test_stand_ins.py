"""Stand-ins are plain data, and go where the branch was."""

import json
from dataclasses import asdict

import pytest

from edgesynth.anatomy import trace
from edgesynth.anatomy.branches.stand_ins import StandIns
from tests.anatomy.branches.networks import images, network, traced, without_branches


@pytest.mark.parametrize("name", ["bare parameters", "joined, stream read again", "list of blocks"])
def test_they_are_the_same_after_json(name):
    anatomy = traced(name)[1]
    stand_ins = anatomy.plan({branch.name: [] for branch in anatomy.removable_branches}).stand_ins
    assert StandIns.from_json(json.loads(json.dumps(asdict(stand_ins)))) == stand_ins


def test_a_module_within_one_that_is_gone_is_replaced_and_one_of_a_similar_name_is_not():
    stand_ins = StandIns(skipped=("blocks.1",))
    assert stand_ins.replaces("blocks.1") and stand_ins.replaces("blocks.1.conv")
    assert not stand_ins.replaces("blocks.10") and not stand_ins.replaces("blocks")


def test_they_are_in_the_mode_of_what_they_replace():
    model = network("transformer").train()
    _, small = without_branches(model, trace(model, images()))
    assert small.middle[0].attention.training
