"""Export a network with torch.export, and quote what its forward does that cannot be exported.

The exported ATen graph names every parameter, so nothing depends on hooks, module types or object identities.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn

from edgesynth.errors import UserError

# Where files begin that hold no code of a user's network.
NOT_THEIRS = (
    *(os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(__file__))),
    *(sysconfig.get_path("stdlib"), "<"),
)


def export(model: nn.Module, example_inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    """Export a network in evaluation mode; the model is left as it was.

    Raises:
        UserError: torch.export cannot trace it; the reason is quoted.
    """
    with evaluating(model), torch.no_grad(), quiet():
        try:
            program = torch.export.export(model, example_inputs)
            # What forward keeps in attributes is a tensor of torch's tracer now, which nothing can copy.
            model(*example_inputs)
            return program
        except Exception as error:
            shapes = ", ".join(str(tuple(example.shape)) for example in example_inputs)
            raise UserError(
                f"{type(model).__name__} cannot be traced with inputs of shape {shapes}: {reason_of(error)}; "
                "its forward must not branch on values, and must take inputs of that shape"
            ) from error


def reason_of(error: Exception) -> str:
    """First line of what torch says, and the line of the user's code that it stumbled over."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = str(error) + "".join(traceback.format_exception(error))
    frames = re.findall(r'File "([^"]+)", line (\d+), in \w+\n\s+(.+)', text)
    own = [frame for frame in frames if not frame[0].startswith(NOT_THEIRS)]
    if not own:
        return first
    path, line, code = own[-1]
    return f"{first} (at {os.path.basename(path)}:{line}: {code.strip()})"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch from logging, warning and printing graphs that it fails on: what matters of that is quoted."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; each module's own mode comes back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
