"""Contenders: which model serves which precision, and each of them loaded and scored."""

import functools
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from edgesynth.benchmark.bundle import AS_IS, Model, Target
from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.samples import Score
from edgesynth.errors import UserError


class Contender(NamedTuple):
    """One precision at one batch, loaded.

    Attributes:
        precision: its name in the result.
        batch: images per inference.
        model: the file that serves it.
        engine: holds the file.
        run: one inference without arguments, on a fixed batch.
        score: what its answers are worth.
    """

    precision: str
    batch: int
    model: Model
    engine: Engine
    run: Callable[[], Any]
    score: Score


def choose_models(target: Target, kind: Type[Engine], precisions: Optional[Sequence[str]]) -> List[Tuple[str, Model]]:
    """The model that serves each precision on an engine.

    Args:
        target: what is measured.
        kind: the engine.
        precisions: names; None for all that can be had.

    Returns:
        Pairs of precision and model, in the order asked for.

    Raises:
        UserError: a precision is unknown, or the target has no model for it.
    """
    candidates = kind.candidates()
    if not target.is_bundle:
        return _as_it_is(target, candidates, precisions)
    offered = {}
    for name, keys in candidates.items():
        models = [model for model in map(target.model, keys) if model is not None]
        if models:
            offered[name] = models[0]
    if precisions is None and not offered:
        raise UserError(
            "{} has no model for {} (it has: {}); export it again".format(
                target.path, kind.name, ", ".join(sorted(target.models)) or "none"
            )
        )
    for name in precisions or ():
        if name not in candidates:
            raise UserError(
                "there is no precision {!r} on {}; choose from: {}".format(name, kind.name, ", ".join(candidates))
            )
        if name not in offered:
            raise UserError(
                "{} has no model {} for --precision {} on {}; make one with: edgesynth export ...{}".format(
                    target.path, " or ".join(candidates[name]), name, kind.name, " --int8" if name == "int8" else ""
                )
            )
    return [(name, offered[name]) for name in (offered if precisions is None else precisions)]


def load(target: Target, kind: Type[Engine], precision: str, model: Model, batch: int, threads: int) -> Contender:
    """Load one configuration and score it.

    Args:
        target: where the model and the samples come from.
        kind: the engine.
        precision: name of the precision.
        model: the file.
        batch: images per inference.
        threads: threads of the engine.

    Returns:
        The configuration, ready to be timed.

    Raises:
        UserError: the engine refuses the model, or its input is not what the target promises.
    """
    engine = kind()
    engine.load(model.path, precision, batch, threads, model.ranges)
    if target.input_shape is not None and engine.input_shape != target.input_shape:
        raise UserError(
            "{} takes images of {} and {} was expected; {}".format(
                model.path,
                list(engine.input_shape),
                list(target.input_shape),
                "export the bundle again" if target.is_bundle else "give the model's own shape (C, H, W)",
            )
        )
    images = target.samples.batch_of(batch, engine.input_shape)
    return Contender(
        precision, batch, model, engine, functools.partial(engine.run, images), target.samples.score(engine.run, batch)
    )


def _as_it_is(
    target: Target, candidates: Dict[str, Tuple[str, ...]], precisions: Optional[Sequence[str]]
) -> List[Tuple[str, Model]]:
    """A bare file has the precision that is written in it, and those that the engine makes of such a file."""
    chosen = []
    for name in target.models if precisions is None else precisions:
        models = [model for model in map(target.model, (name,) + candidates.get(name, ())) if model is not None]
        if not models:
            raise UserError(
                "{} is a bare ONNX file, measured {} and not at {!r}; leave --precision out or give a bundle".format(
                    target.path, AS_IS if AS_IS in target.models else "at fp32", name
                )
            )
        chosen.append((name, models[0]))
    return chosen
