import pytest
import torch

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError


def test_lenet5_has_the_synapses_and_macs_of_its_caffe_form():
    census = trace(build_ancestor("lenet5"), (torch.zeros(1, 1, 28, 28),)).census()
    assert census.synapses == 430_500
    assert census.macs == 2_293_000
    assert census.clusters == 20 + 50 + 500 + 10
    assert census.params == 431_080


def test_an_unknown_ancestor_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="no ancestor 'lenet6'; the ancestors are lenet5"):
        build_ancestor("lenet6")
