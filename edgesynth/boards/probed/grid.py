"""The grid of a probe: the time of each kind of layer by its input and its output width, and of what lies beside.

Schema 1: `schema`, `kind` ("grid"), `created_utc`, `machine`, `board` (its name in our table; null on a PC), `engine`,
`precision`, `batch`, `threads`, `models` (last names of what was measured), `loads` (running tasks over the minute
before each measurement), `duration_s` (spent in all), `call_ms` (what a call costs beside its kernels), `flags`,
`layers`: for each shape its `points` [inputs, outputs, ms], and `beside`: for each operator its points [elements, ms].
"""

import math
from typing import Any, Dict, NamedTuple, Tuple

from edgesynth.boards.probed.shape import DEPTHWISE, LayerShape
from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json, unsealed

SCHEMA = 1
KIND = "grid"
AGAIN = "delete it and probe again"
AFTER = " after "  # between the operators and those above them


class Beside(NamedTuple):
    """Something that a network computes beside its convolutions and linear layers: one operator, or some in a row.

    Attributes:
        op: their types in ONNX, such as "Add+Relu", and others that computed what they read: "Add+Relu after Slice".
        elements: values read and written for one image.
    """

    op: str
    elements: int


class Place(NamedTuple):
    """A layer at its widths.

    Attributes:
        shape: of the layer, whatever it reads; see `any_inputs`.
        inputs: channels that it reads, of all groups; 1 of a depthwise convolution.
        outputs: channels that it writes.
    """

    shape: LayerShape
    inputs: int
    outputs: int


class Grid:
    """Measured times, and what they were measured on.

    Attributes:
        facts: all fields of the file but the times.
        source: the file, for refusals.
        layers: of each shape, whatever it reads (see `any_inputs`), the ms of (inputs, outputs), channels of all
            groups; a depthwise convolution has 1 input.
        beside: of each operator the ms of (elements).
    """

    def __init__(self, facts: Dict[str, Any], source: str = "the grid") -> None:
        self.facts = facts
        self.source = source
        self.layers: Dict[LayerShape, Dict[Tuple[int, int], float]] = {}
        self.beside: Dict[str, Dict[int, float]] = {}

    @property
    def call_ms(self) -> float:
        """What a call costs beside its kernels."""
        return float(self.facts["call_ms"])

    def add(self, shape: LayerShape, inputs: int, outputs: int, ms: float) -> None:
        """Take the time of a layer in; of two of the same the shorter one: what disturbs a measurement only adds."""
        points = self.layers.setdefault(any_inputs(shape), {})
        points[inputs, outputs] = min(ms, points.get((inputs, outputs), math.inf))

    def add_beside(self, beside: Beside, ms: float) -> None:
        """Take the time of something beside in, likewise."""
        points = self.beside.setdefault(beside.op, {})
        points[beside.elements] = min(ms, points.get(beside.elements, math.inf))

    def to_json(self) -> Dict[str, Any]:
        """As plain values."""
        layers = [
            {"shape": shape.to_json(), "points": [[i, o, ms] for (i, o), ms in sorted(points.items())]}
            for shape, points in self.layers.items()
        ]
        beside = {op: [list(point) for point in sorted(points.items())] for op, points in sorted(self.beside.items())}
        return dict(self.facts, layers=layers, beside=beside)


def any_inputs(shape: LayerShape) -> LayerShape:
    """What layers of other input widths have in common with it."""
    return shape._replace(inputs=1)


def kind_name(shape: LayerShape) -> str:
    """A shape in words, whatever it reads, e.g. "conv 3x3 at 24x24, stride 2"."""
    words = str(any_inputs(shape))
    for reads in (" of {} channels".format(shape.groups), " of 1 features"):
        words = words.replace(reads, "")
    return words


def place_of(shape: LayerShape, width: int) -> Place:
    """The place of a layer, from its shape and its output channels."""
    return Place(any_inputs(shape), 1 if shape.op == DEPTHWISE else shape.inputs * shape.groups, width)


def read_grid(path: str) -> Grid:
    """Read a grid and check that it is one.

    Raises:
        UserError: the file does not exist, is no grid, is damaged or of a newer schema.
    """
    missing = "{} is not a file; give a grid that `edgesynth probe --grid` wrote".format(path)
    plain = read_json(path, missing, "probe again")
    if not isinstance(plain, dict) or plain.get("kind") != KIND or not isinstance(plain.get("schema"), int):
        raise UserError("{} is not a grid of `edgesynth probe --grid`; probe again".format(path))
    if plain["schema"] > SCHEMA:
        raise UserError(
            "{} has schema {} and this edgesynth reads up to {}; install a newer edgesynth".format(
                path, plain["schema"], SCHEMA
            )
        )
    plain = unsealed(plain, path, AGAIN)
    try:
        return _grid_of(plain, path)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError("{} is damaged ({}); {}".format(path, error, AGAIN)) from None


def _grid_of(plain: Dict[str, Any], path: str) -> Grid:
    facts = {name: value for name, value in plain.items() if name not in ("layers", "beside")}
    kinds = {"machine": dict, "engine": dict, "precision": str, "batch": int, "threads": int}
    for name, kind in kinds.items():
        if not isinstance(facts[name], kind):
            raise ValueError("{} is {!r}".format(name, facts[name]))
    for name, kinds_of in (("models", str), ("flags", str), ("loads", (int, float))):  # type: str, Any
        if not isinstance(facts[name], list) or not all(isinstance(entry, kinds_of) for entry in facts[name]):
            raise ValueError("{} is {!r}".format(name, facts[name]))
    grid = Grid(facts, path)
    _time(grid.call_ms)
    _time(facts["duration_s"])
    for layer in plain["layers"]:
        shape = LayerShape.from_json(layer["shape"])
        for inputs, outputs, ms in layer["points"]:
            grid.add(shape, _count(inputs), _count(outputs), _time(ms))
    for op, points in plain["beside"].items():
        for elements, ms in points:
            grid.add_beside(Beside(op, _count(elements)), _time(ms))
    return grid


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a count is {!r}".format(value))
    return value


def _time(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError("a time is {!r}".format(value))
    return number
