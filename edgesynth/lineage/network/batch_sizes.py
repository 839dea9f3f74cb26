"""How many images at once a network takes: any number, or it is refused.

Training ends an epoch with whatever is left, validation and boards have batches of their own; a forward in which a
number of images is written would fail only there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgesynth.anatomy.tracing.execution import Execution, execute, line_of
from edgesynth.anatomy.tracing.export import reason_of
from edgesynth.copying import copied
from edgesynth.errors import UserError

OTHERS = (1, 3)


def check_batches(ancestor: str, model: nn.Module, inputs: Tensor, in_training: bool) -> None:
    """Refuse a network that takes only as many images at once as there are in the example; it is not changed.

    Args:
        ancestor: its name.
        model: the network, which has taken the example.
        inputs: (2, C, H, W).
        in_training: whether to look at training too, because it calls other things than evaluation.

    Raises:
        UserError: it fails with one image or with three, or does not answer for each.
    """
    network = copied(model)
    for training in (False, True) if in_training else (False,):
        known = execute(network, (inputs,), training)
        for number in OTHERS:
            tried = Execution()
            try:
                execute(network, (torch.cat([inputs, inputs])[:number],), training, execution=tried)
            except Exception as error:
                what = f"raised {type(error).__name__}: {reason_of(error)}"
            else:
                wrong = [output for output in tried.outputs if not output.ndim or len(output) != number]
                if not wrong:
                    continue
                what = f"gives an output of shape {tuple(wrong[0].shape)}"
            images = "one image" if number == 1 else f"{number} images"
            raise UserError(
                f"the ancestor {ancestor} takes {len(inputs)} images{' in training' * training}, and of {images} it "
                f"{what}{_where(known, tried, len(inputs), number)}; it must take any number of them: write "
                "x.flatten(1), or x.shape[0] in place of a number, and give squeeze() its dimensions"
            )


def _where(known: Execution, tried: Execution, before: int, now: int) -> str:
    """The line of the network's own code where the number of images is lost first, if in a call that ended."""
    followed = {-1}
    calls = enumerate(zip(known.calls, known.shapes, tried.shapes, strict=False))
    for index, ((_, given), old, new) in calls:
        from_images = any(isinstance(item, int) and not isinstance(item, bool) and item in followed for item in given)
        if not from_images or old[0][:1] != (before,):
            continue
        if new[0][:1] == (now,):
            followed.add(index)
            continue
        return f", for their number is lost {line_of(known.places[index])}" if known.places[index] else ""
    return ""
