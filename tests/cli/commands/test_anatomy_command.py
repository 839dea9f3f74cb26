import json

import pytest


@pytest.fixture(scope="module")
def lenet(edgesynth, tmp_path_factory):
    result = edgesynth("anatomy", "lenet5", "--json", cwd=tmp_path_factory.mktemp("lenet"))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_census_of_lenet5_is_that_of_its_caffe_form(lenet):
    census = lenet["census"]
    assert (census["synapses"], census["macs"]) == (430_500, 2_293_000)
    assert (census["params"], census["dense_bytes"], census["clusters"]) == (431_080, 1_724_320, 580)
    assert [layer["name"] for layer in census["layers"]] == ["conv1", "conv2", "fc1", "fc2"]


def test_every_layer_of_lenet5_but_its_output_can_be_cut(lenet):
    found = [(group["name"], group["clusters"], group["removable"], group["reason"]) for group in lenet["groups"]]
    assert found == [
        ("conv1", 20, True, ""),
        ("conv2", 50, True, ""),
        ("fc1", 500, True, ""),
        ("fc2", 10, False, "output of the network"),
    ]
    assert (lenet["removable_output_channels"], lenet["output_channels"]) == (570, 580)


def test_an_ancestor_is_shown_inputs_of_its_own_size_and_the_removal_is_proven(lenet):
    assert lenet["inputs"] == [[1, 1, 28, 28]]
    assert lenet["proven"] is True


def test_the_tables_tell_the_same_in_words(edgesynth, tmp_path):
    result = edgesynth("anatomy", "lenet5", cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == ""
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["conv2", "50", "1", "yes"] in lines
    assert ["fc2", "10", "1", "no:", "output", "of", "the", "network"] in lines
    assert ["fc1", "500x800", "500", "400,000", "400,000"] in lines
    assert ["in", "all", "580", "430,500", "2,293,000"] in lines
    assert "570 of 580 output channels (98.3 %) can be cut, in 3 of 4 groups, proven." in result.stdout
    assert "431,080 parameters, 1,724,320 bytes dense, 1,724,320 sparse." in result.stdout


BRANCHING = """
from torch import nn

class Net(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 8, 3)

    def forward(self, images):
        features = super().forward(images)
        return features if features.sum() > 0 else -features
"""

RESIDUAL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem_of_a_rather_long_name, self.inside_of_the_block = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1)
        self.head_that_classifies, self.grouped = nn.Linear(8, 2), nn.Conv2d(8, 8, 1, groups=4)

    def forward(self, images):
        features = self.stem_of_a_rather_long_name(images)
        features = features + self.inside_of_the_block(features).relu()
        return self.head_that_classifies(self.grouped(features).mean((2, 3)))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 6), nn.Linear(5, 6)

    def forward(self, a, b):
        return self.left(a), (self.right(b) * 2).sum(1)

class Flattened(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.outer(self.inner(x).relu().reshape(-1, 6))
"""


@pytest.fixture
def networks(tmp_path):
    (tmp_path / "my_networks.py").write_text(RESIDUAL)
    return tmp_path


def test_coupled_layers_are_one_group_that_names_them(edgesynth, networks):
    result = edgesynth("anatomy", "my_networks:Net", "--input", "2x3x9x9", "--json", cwd=networks)
    groups = {group["name"]: group for group in json.loads(result.stdout)["groups"]}
    stream = groups["stem_of_a_rather_long_name"]
    assert stream["layers"][:2] == ["stem_of_a_rather_long_name", "inside_of_the_block"]
    assert stream["removable"] and stream["clusters"] == 8


def test_a_branch_says_what_it_is_added_to_and_what_goes_with_it(edgesynth, networks):
    result = edgesynth("anatomy", "my_networks:Net", "--input", "2x3x9x9", "--json", cwd=networks)
    facts = json.loads(result.stdout)
    macs = 8 * 8 * 9 * 7 * 7
    assert facts["branches"] == [
        {
            "name": "inside_of_the_block/branch",
            "place": "added to stem_of_a_rather_long_name",
            "layers": ["inside_of_the_block"],
            "params": 8 * 8 * 9 + 8,
            "macs": macs,
            "removable": True,
            "reason": "",
        }
    ]
    assert facts["macs_without_branches"] == facts["census"]["macs"] - macs


def test_the_tables_tell_the_branches_and_their_share(edgesynth, networks):
    result = edgesynth("anatomy", "my_networks:Net", "--input", "2x3x9x9", cwd=networks, env={"COLUMNS": "160"})
    lines = [line.split() for line in result.stdout.splitlines()]
    place = ["added", "to", "stem_of_a_rather_long_name"]
    assert ["inside_of_the_block/branch", *place, "1", "584", "28,224", "yes"] in lines
    stem, branch, grouped, head = 8 * 27 * 49, 28224, 8 * 2 * 49, 16
    share = 100 * branch / (stem + branch + grouped + head)
    assert f"1 of 1 branches can be removed, with {share:.1f} % of the MACs." in result.stdout


def test_a_network_without_branches_has_no_table_of_them(edgesynth, tmp_path):
    assert "branch" not in edgesynth("anatomy", "lenet5", "--no-prove", cwd=tmp_path).stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_no_name_is_lost_and_no_line_is_wider_than_the_terminal(edgesynth, networks, columns):
    result = edgesynth("anatomy", "my_networks:Net", "--input", "1x3x9x9", cwd=networks, env={"COLUMNS": str(columns)})
    assert result.returncode == 0, result.stderr
    tables = result.stdout.rpartition("\n\n")[0].splitlines()
    assert max(map(len, tables)) <= columns
    for name in ("stem_of_a_rather_long_name", "inside_of_the_block", "head_that_classifies"):
        assert any(line.startswith(name) for line in tables[tables.index("") :])


def test_a_network_of_two_inputs_is_given_two_shapes(edgesynth, networks):
    result = edgesynth("anatomy", "my_networks:Two", "--input", "1x4", "--input", "1x5", "--json", cwd=networks)
    facts = json.loads(result.stdout)
    assert facts["inputs"] == [[1, 4], [1, 5]]
    assert facts["census"]["macs"] == 6 * 4 + 6 * 5


def test_without_the_proof_the_output_does_not_claim_one(edgesynth, networks):
    result = edgesynth("anatomy", "my_networks:Flattened", "--input", "1x4", "--no-prove", cwd=networks)
    assert "; not proven." in result.stdout and ", proven" not in result.stdout


@pytest.mark.parametrize("text", ["1x3x", "abc", "1x0x4", "1x-3x4", "", "1,3,4", "1x3.5"])
def test_an_input_that_is_no_shape_is_refused(edgesynth, refused, tmp_path, text):
    result = edgesynth("anatomy", "lenet5", f"--input={text}", cwd=tmp_path)
    refused(result, f"--input {text} is not a shape", "1x3x224x224")


def test_an_input_that_no_memory_holds_is_refused(edgesynth, refused, tmp_path):
    result = edgesynth("anatomy", "lenet5", "--input", "1000000x1000000x1000", cwd=tmp_path)
    refused(result, "1000000x1000000x1000 does not fit into memory")


def test_an_input_of_the_wrong_shape_is_refused_with_the_network_s_own_reason(edgesynth, refused, tmp_path):
    refused(edgesynth("anatomy", "lenet5", "--input", "1x3x28x28", cwd=tmp_path), "LeNet5", "(1, 3, 28, 28)")


def test_a_network_that_branches_on_values_is_refused_without_torch_s_log_and_graphs(edgesynth, refused, tmp_path):
    (tmp_path / "mine.py").write_text(BRANCHING)
    result = edgesynth("anatomy", "mine:Net", "--input", "1x3x8x8", cwd=tmp_path)
    refused(result, "Net cannot be traced", "must not branch on values")
    assert result.stdout == ""


def test_an_unknown_network_is_refused_with_the_ways_to_name_one(edgesynth, refused, tmp_path):
    refused(edgesynth("anatomy", "lenet6", cwd=tmp_path), "no ancestor 'lenet6'", "package.module:callable")
    refused(edgesynth("anatomy", "nowhere:build", cwd=tmp_path), "there is no module 'nowhere'")
