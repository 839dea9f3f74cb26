"""Configurations: the model for each precision and batch, loaded and scored."""

import functools
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Type, Union

from edgesynth.benchmark.bundle.bundle import AS_IS, CALIBRATED, SAMPLED, Model, Target
from edgesynth.benchmark.bundle.samples import Score
from edgesynth.benchmark.engines.engine import BeyondMemoryError, Engine
from edgesynth.benchmark.engines.ways import Ways
from edgesynth.errors import UserError

# Where the ranges of int8 may come from, and what then stands for the model.
CALIBRATIONS = {"ranges": CALIBRATED, "samples": SAMPLED}


class Configuration(NamedTuple):
    """One precision at one batch, loaded.

    Attributes:
        precision: its name in the result.
        batch: images per inference.
        model: the file that serves it.
        engine: holds the file.
        run: one inference without arguments, on a fixed batch.
        score: what its answers are worth.
        asked_batch: images per inference that were asked for, and did not fit the memory; None if they did.
    """

    precision: str
    batch: int
    model: Model
    engine: Engine
    run: Callable[[], Any]
    score: Score
    asked_batch: Optional[int] = None

    @property
    def images(self) -> int:
        """Images that go through in one call of `run`: a batch on each stream."""
        return self.batch * self.engine.ways.streams


class Loaded(NamedTuple):
    """All configurations of a run.

    Attributes:
        configurations: in the order asked for.
        left_out: configurations that do not fit the memory and whose smaller batch is there anyway, one line each.
    """

    configurations: List[Configuration]
    left_out: List[str]


def choose_models(
    target: Target, kind: Type[Engine], precisions: Optional[Sequence[str]], calibrate: Optional[str] = None
) -> List[Tuple[str, Model]]:
    """The model that serves each precision on an engine.

    Args:
        target: what is measured.
        kind: the engine.
        precisions: names; None for all that can be had, without those that must first be calibrated on images.
        calibrate: where the ranges of int8 come from, one of `CALIBRATIONS`; None for the best that there is.

    Returns:
        Pairs of precision and model, in the order asked for.

    Raises:
        UserError: a precision is unknown, or the target has no model for it.
    """
    candidates = _candidates(kind, calibrate)
    if not target.is_bundle:
        return _as_it_is(target, candidates, precisions)
    offered = {}
    for name, keys in candidates.items():
        models = [model for model in map(target.model, keys) if model is not None]
        if models:
            offered[name] = models[0]
    if precisions is None and calibrate is None:
        offered = {name: model for name, model in offered.items() if model.samples is None}
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


def _candidates(kind: Type[Engine], calibrate: Optional[str]) -> Dict[str, Tuple[str, ...]]:
    candidates = dict(kind.candidates())
    if calibrate is not None:
        if CALIBRATIONS[calibrate] not in candidates.get("int8", ()):
            raise UserError(
                "--calibrate {} was given and nothing is calibrated by this engine (TensorRT 8 to 10 calibrate); "
                "leave it out".format(calibrate)
            )
        candidates["int8"] = (CALIBRATIONS[calibrate],)
    return candidates


def load(
    target: Target,
    kind: Type[Engine],
    precision: str,
    model: Model,
    batch: int,
    threads: int,
    fresh: bool = False,
    ways: Ways = Ways(),  # noqa: B008  (a NamedTuple does not change)
) -> Configuration:
    """Load one configuration and score it.

    Args:
        target: where the model and the samples come from.
        kind: the engine.
        precision: name of the precision.
        model: the file.
        batch: images per inference.
        threads: threads of the engine.
        fresh: whether it is built anew even if an earlier build was kept.
        ways: how it is run.

    Returns:
        The configuration, ready to be timed.

    Raises:
        UserError: the engine refuses the model, or its input is not what the target promises.
        BeyondMemoryError: there is too little memory for the batch.
    """
    engine = kind()
    engine.fresh = fresh
    engine.ways = ways
    engine.load(model.path, precision, batch, threads, model.ranges, model.samples, target.kept_in_fp32)
    if target.input_shape is not None and engine.input_shape != target.input_shape:
        raise UserError(
            "{} takes images of {} and {} was expected; {}".format(
                model.path,
                list(engine.input_shape),
                list(target.input_shape),
                "export the bundle again" if target.is_bundle else "give the model's own shape (C, H, W)",
            )
        )
    try:
        images = target.samples.batch_of(batch, engine.input_shape)
        score = target.samples.score(engine.run, batch)
    except MemoryError as error:
        raise BeyondMemoryError(
            "{} images for {} do not fit the memory ({}); use a smaller --batch".format(batch, model.path, error)
        ) from None
    return Configuration(precision, batch, model, engine, functools.partial(engine.run, images), score)


def load_all(
    target: Target,
    kind: Type[Engine],
    models: Sequence[Tuple[str, Model]],
    batches: Sequence[int],
    threads: int,
    announce: Callable[[str], Any],
    ways: Ways = Ways(),  # noqa: B008  (as above)
) -> Loaded:
    """Load every precision at every batch; a batch that does not fit the memory is halved until it does.

    Args:
        target: where the models and the samples come from.
        kind: the engine.
        models: pairs of precision and model.
        batches: images per inference.
        threads: threads of the engine.
        announce: called with a line for each batch that is halved.
        ways: how they are run.

    Raises:
        UserError: see `load`; or not even one image fits.
    """
    configurations: List[Configuration] = []
    left_out = []
    for precision, model in models:
        for batch in batches:
            taken = set(batches) | {
                configuration.batch for configuration in configurations if configuration.precision == precision
            }
            loaded = _load_fitting(target, kind, precision, model, batch, threads, taken - {batch}, announce, ways)
            if isinstance(loaded, Configuration):
                configurations.append(loaded)
            else:
                left_out.append(loaded)
    return Loaded(configurations, left_out)


def _load_fitting(
    target: Target,
    kind: Type[Engine],
    precision: str,
    model: Model,
    asked: int,
    threads: int,
    taken: Set[int],
    announce: Callable[[str], Any],
    ways: Ways,
) -> Union[Configuration, str]:
    """The configuration, at a smaller batch if needed; a line if that batch is measured anyway."""
    batch, refusal = asked, None  # type: Tuple[int, Optional[str]]
    while True:
        try:
            configuration = load(target, kind, precision, model, batch, threads, ways=ways)
            return configuration if batch == asked else configuration._replace(asked_batch=asked)
        except BeyondMemoryError as error:
            refusal = refusal or str(error)
        except UserError:
            # A batch that is fixed in the file is refused at half of it: the memory is what is to be told.
            if refusal is None:
                raise
            raise UserError(refusal) from None
        if batch == 1:
            raise UserError(refusal)
        batch //= 2
        why = " ({})".format(refusal) if batch == asked // 2 else ""
        announce("{} x{} does not fit the memory{}: trying x{}".format(precision, batch * 2, why, batch))
        if batch in taken:
            return "{} x{} does not fit the memory; x{} is measured anyway".format(precision, asked, batch)


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
