"""Small networks with branches, each of images (N, 4, 6, 6), by what is special in them."""

import functools

import torch
from torch import nn

from edgesynth.anatomy import remove, trace
from tests.anatomy.branches.middles.attention import Encoder, Scores, Transformer
from tests.anatomy.branches.middles.called import ListOfBlocks, Named, WithContext
from tests.anatomy.branches.middles.joined import (
    Dense,
    JoinedAlongRows,
    JoinedReadAgain,
    JoinedTokens,
    Parallel,
    Pyramid,
    UNet,
)
from tests.anatomy.branches.middles.parts import WIDTH, Net
from tests.anatomy.branches.middles.residual import (
    AddedInto,
    Bare,
    Chosen,
    Inside,
    Nested,
    PostActivation,
    PreActivation,
    Projection,
    ReadAgain,
    ReZero,
    Scaled,
    ScaledBranch,
    Sigmoid,
    Smallest,
    SqueezeExcite,
    StreamWritten,
    Subtracted,
    SubtractedFrom,
    TwoInARow,
    WrittenInto,
)
from tests.anatomy.branches.middles.shared import BiasReadElsewhere, Shared, SharedBias, SharedLayer, Tied

# {network: (its middle, its removable branches, its others)}
MIDDLES = {
    "pre-activation": ([PreActivation], 1, 0),
    "post-activation, stream of any sign": ([PostActivation], 1, 0),
    "post-activation twice": ([PostActivation, PostActivation], 2, 0),
    "added into": ([AddedInto], 1, 0),
    "written into": ([WrittenInto], 1, 0),
    "stream read again": ([ReadAgain], 1, 1),
    "stream written": ([StreamWritten], 1, 0),
    "joined, stream read again": ([JoinedReadAgain], 2, 0),
    "ReZero": ([ReZero], 1, 0),
    "sigmoid": ([Sigmoid], 0, 1),
    "squeeze and excitation": ([SqueezeExcite], 1, 0),
    "two inputs, two outputs": ([WithContext], 2, 0),
    "named outputs": ([Named], 1, 0),
    "list of blocks": ([ListOfBlocks], 2, 0),
    "transformer": ([Transformer], 2, 0),
    "encoder of torch": ([Encoder], 4, 0),
    "attention spelt out": ([Scores], 1, 0),
    "two in a row": ([TwoInARow], 2, 0),
    "nested": ([Nested], 2, 0),
    "inside": ([Inside], 2, 0),
    "U-Net": ([UNet], 1, 1),
    "pyramid": ([Pyramid], 1, 0),
    "dense": ([Dense], 2, 1),
    "parallel": ([Parallel], 2, 1),
    "shared block": ([Shared], 0, 0),
    "shared layer": ([SharedLayer], 2, 0),
    "shared bias": ([SharedBias], 0, 1),
    "bias read elsewhere": ([BiasReadElsewhere], 1, 0),
    "tied": ([Tied], 1, 0),
    "subtracted": ([Subtracted], 1, 0),
    "subtracted from": ([SubtractedFrom], 0, 0),
    "scaled stream": ([Scaled], 0, 0),
    "scaled branch": ([ScaledBranch], 1, 0),
    "minimum": ([Smallest], 0, 1),
    "where": ([Chosen], 0, 1),
    "bare parameters": ([Bare], 1, 0),
    "joined tokens": ([JoinedTokens], 1, 0),
    "joined along rows": ([JoinedAlongRows], 0, 0),
    "projection": ([Projection], 0, 1),
}


def network(name):
    """A network of `MIDDLES` in float64, in evaluation, nothing in it zero or one."""
    torch.manual_seed(list(MIDDLES).index(name))
    model = Net(*(middle() for middle in MIDDLES[name][0]))
    return shaken(model)


def shaken(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.add_(0.3 * torch.rand_like(buffer))
    return model.double().eval()


@functools.cache
def traced(name):
    """A network of `MIDDLES` and its anatomy; neither is to be changed."""
    model = network(name)
    return model, trace(model, images())


def images(batch=2):
    return torch.randn(batch, WIDTH, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Together(nn.Module):
    """Several networks of the same images: what each of them gives, joined."""

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x):
        return torch.cat([network(x).mean((2, 3)) for network in self.networks], 1)


def without_branches(model, anatomy):
    """{branch: nothing} of every removable branch, and the network without them."""
    kept = {branch.name: [] for branch in anatomy.removable_branches}
    return kept, remove(model, anatomy.plan(kept))
