"""A teacher's answers, kept in the user's cache folder: the next run of the same ancestor need not ask again."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgesynth.files.user_cache import user_cache

LOG = logging.getLogger("edgesynth")
MOST_BYTES = 1 << 30  # of all files together
NAME = "answers"
SUFFIX = ".safetensors"


def folder() -> Path:
    """Where the files lie."""
    return Path(user_cache("teachers"))


def key_of(tensors: Iterable[Tensor]) -> str:
    """SHA-256 of tensors, of this torch and of its number of threads, on which the last bits depend."""
    digest = hashlib.sha256(f"{torch.__version__} {torch.get_num_threads()}".encode())
    for tensor in tensors:
        content = tensor.detach().cpu().contiguous()
        digest.update(f"{content.dtype} {tuple(content.shape)}".encode())
        digest.update(content.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def kept(key: str) -> Tensor | None:
    """The answers of that key; None where there are none, or where the file cannot be read."""
    path = folder() / f"{key}{SUFFIX}"
    try:
        answers = safetensors.torch.load(path.read_bytes())[NAME]
        os.utime(path)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError) as error:
        LOG.info("answers of the ancestor in %s cannot be read (%s): it is asked again", path, error)
        return None
    LOG.info("answers of the ancestor are taken from %s", path)
    return answers


def keep(key: str, answers: Tensor) -> None:
    """Keep answers; what was used the longest ago goes. A folder that cannot be written to is let be."""
    path = folder() / f"{key}{SUFFIX}"
    written = path.with_name(f"{key}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(safetensors.torch.save({NAME: answers.contiguous()}))
        os.replace(written, path)
        _forget(path)
    except OSError as error:
        LOG.info("answers of the ancestor are not kept in %s: %s", path.parent, error)


def _forget(newest: Path) -> None:
    """Remove the files that were used the longest ago, until the others are within `MOST_BYTES`."""
    files = sorted(newest.parent.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime, reverse=True)
    size = 0
    for file in files:
        size += file.stat().st_size
        if size > MOST_BYTES and file != newest:
            file.unlink(missing_ok=True)
