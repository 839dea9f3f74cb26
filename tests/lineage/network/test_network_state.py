"""A network's state, as files keep it: tensors by name, and nothing else."""

import pytest
import torch
from torch import nn

from edgesynth.lineage import set_state, state


class Versioned(nn.Linear):
    """As torchvision's MNASNet: it refuses a state that does not say of which version it is."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") != self._version:
            raise ValueError("version should be set to 2")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_a_network_that_wants_its_version_takes_plain_tensors():
    bred, other = Versioned(3, 2), Versioned(3, 2)
    set_state(other, state(bred))
    assert torch.equal(bred.weight, other.weight)
    assert torch.equal(bred.bias, other.bias)


def test_a_state_that_lacks_a_tensor_is_refused():
    with pytest.raises(RuntimeError, match="bias"):
        set_state(Versioned(3, 2), {"weight": torch.zeros(2, 3)})
