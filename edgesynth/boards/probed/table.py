"""The table of a probe: staircases of one engine at one precision on one board, and what they say of another layer.

Schema 1: `schema`, `kind` ("probe"), `created_utc`, `machine`, `board` (its name in our table; null on a PC), `engine`,
`precision`, `batch`, `power_mode`, `settings`, `models` (last names of what was probed), `call_ms` (what a call costs
beside its layers), `flags`, and `staircases`: for each shape its steps of `width`, `ms` and `spread_ms`.
"""

import math
from typing import Any, Dict, Iterator, List, Optional, Tuple

from edgesynth.boards.board import Board, PowerMode
from edgesynth.boards.probed.shape import LayerShape
from edgesynth.boards.probed.staircase import Staircase, Step, between
from edgesynth.errors import UserError
from edgesynth.files.json_file import read_json, unsealed

SCHEMA = 1
KIND = "probe"
ENGINE = "tensorrt"


class ProbeTable:
    """Staircases, and what they were measured on.

    Attributes:
        facts: all fields of the file but the staircases.
        source: the file, for refusals.
        staircases: by shape.
    """

    def __init__(self, facts: Dict[str, Any], source: str = "the probe's table") -> None:
        self.facts = facts
        self.source = source
        self.staircases: Dict[LayerShape, Staircase] = {}

    @property
    def precision(self) -> str:
        """Precision of the layers."""
        return str(self.facts["precision"])

    @property
    def batch(self) -> int:
        """Images of one call."""
        return int(self.facts["batch"])

    @property
    def call_ms(self) -> float:
        """Time of a call without its layers, ms."""
        return float(self.facts["call_ms"])

    @property
    def engine(self) -> str:
        """The engine and its version."""
        return "{name} {version}".format(**self.facts["engine"])

    @property
    def board(self) -> str:
        """Name of its board.

        Raises:
            UserError: it was not measured on one of the table.
        """
        if self.facts["board"] is None:
            raise UserError(
                "{} was measured on {}, which is no board of the table: plan has no use for it; "
                "probe on the board".format(self.source, self.machine)
            )
        return str(self.facts["board"])

    @property
    def machine(self) -> str:
        """What it was measured on, in words."""
        machine = self.facts["machine"]
        return str(self.facts["board"] or machine.get("board") or self.facts["engine"].get("gpu") or machine.get("cpu"))

    def staircase(self, shape: LayerShape) -> Staircase:
        """The staircase of a shape; an empty one is made if there is none."""
        return self.staircases.setdefault(shape, Staircase(shape))

    def latency_ms(self, shape: Optional[LayerShape], width: int) -> Optional[float]:
        """Time of a layer: as measured, or between the nearest measured widths and input channels.

        Args:
            shape: of the layer; None for one that cannot be probed.
            width: its output channels.

        Returns:
            None where it lies outside of what was measured: nothing is extrapolated.
        """
        if shape is None:
            return None
        below: Optional[Tuple[int, float]] = None
        above: Optional[Tuple[int, float]] = None
        for stairs in self._relatives(shape):
            ms = stairs.ms(width)
            if ms is None:
                continue
            if stairs.shape.inputs <= shape.inputs:
                below = (stairs.shape.inputs, ms)
            if stairs.shape.inputs >= shape.inputs and above is None:
                above = (stairs.shape.inputs, ms)
        if below is None or above is None:
            return None
        return between(shape.inputs, below[0], below[1], above[0], above[1])

    def landing_widths(self, shape: LayerShape) -> List[int]:
        """Widths that a layer is worth cutting to: the right edges of its stairs, narrowest first.

        Args:
            shape: of the layer; of input channels that were not measured, the nearest measured ones speak.

        Returns:
            Measured widths; none where nothing of this shape was measured.
        """
        relatives = sorted(self._relatives(shape), key=lambda stairs: abs(stairs.shape.inputs - shape.inputs))
        return relatives[0].right_edges() if relatives else []

    def check_for(self, board: Board, mode: PowerMode, precision: str, batch: int) -> None:
        """Refuse a board, precision or batch that was not measured.

        Raises:
            UserError: it is of another board, engine, power mode, precision or batch.
        """
        facts = self.facts
        problems = [
            (facts["board"] == board.name, "measured on {}".format(self.machine), board.title),
            (facts["engine"]["name"] == ENGINE, "of the engine {}".format(facts["engine"]["name"]), "TensorRT"),
            (
                facts["power_mode"] is None or facts["power_mode"].lower() == mode.name.lower(),
                "of power mode {}".format(facts["power_mode"]),
                "{}: give --mode {}".format(mode.name, facts["power_mode"]),
            ),
            (self.precision == precision, "of precision {}".format(self.precision), precision),
            (self.batch == batch, "of batch {}".format(self.batch), "{}: give --batch {}".format(batch, self.batch)),
        ]
        for fits, has, wanted in problems:
            if not fits:
                raise UserError(
                    "{} is {} and does not hold for {} (or probe there, or leave it out)".format(
                        self.source, has, wanted
                    )
                )

    def to_json(self) -> Dict[str, Any]:
        """As plain values."""
        return dict(self.facts, staircases=[stairs.to_json() for stairs in self.staircases.values() if stairs.steps])

    def _relatives(self, shape: LayerShape) -> Iterator[Staircase]:
        """Measured staircases of the same family, fewest input channels first."""
        family = shape.family
        measured = [stairs for stairs in self.staircases.values() if stairs.steps and stairs.shape.family == family]
        return iter(sorted(measured, key=lambda stairs: stairs.shape.inputs))


def read_table(path: str) -> ProbeTable:
    """Read a table and check that it is one.

    Raises:
        UserError: the file does not exist, is no table of a probe, is damaged or of a newer schema.
    """
    missing = "{} is not a file; give a table that `edgesynth probe` wrote".format(path)
    plain = read_json(path, missing, "probe again")
    if not isinstance(plain, dict) or plain.get("kind") != KIND or not isinstance(plain.get("schema"), int):
        raise UserError("{} is not a table of `edgesynth probe`; probe again".format(path))
    if plain["schema"] > SCHEMA:
        raise UserError(
            "{} has schema {} and this edgesynth reads up to {}; install a newer edgesynth".format(
                path, plain["schema"], SCHEMA
            )
        )
    plain = unsealed(plain, path, "delete it and probe again")
    try:
        return _table_of(plain, path)
    except (ValueError, TypeError, LookupError) as error:
        raise UserError("{} is damaged ({}); delete it and probe again".format(path, error)) from None


def _table_of(plain: Dict[str, Any], path: str) -> ProbeTable:
    facts = {name: value for name, value in plain.items() if name != "staircases"}
    kinds = {"machine": dict, "engine": dict, "precision": str, "batch": int, "settings": dict}
    for name, kind in kinds.items():
        if not isinstance(facts[name], kind):
            raise ValueError("{} is {!r}".format(name, facts[name]))
    for name in ("models", "flags"):
        if not isinstance(facts[name], list) or not all(isinstance(text, str) for text in facts[name]):
            raise ValueError("{} is {!r}".format(name, facts[name]))
    for name in ("board", "power_mode"):
        if not (facts[name] is None or isinstance(facts[name], str)):
            raise ValueError("{} is {!r}".format(name, facts[name]))
    table = ProbeTable(facts, path)
    _time(table.call_ms)
    if not table.engine:
        raise ValueError("no engine")
    for stairs in plain["staircases"]:
        staircase = table.staircase(LayerShape.from_json(stairs["shape"]))
        for step in stairs["steps"]:
            width = step["width"]
            if not isinstance(width, int) or width < 1:
                raise ValueError("a width is {!r}".format(width))
            staircase.add(Step(width, _time(step["ms"]), _time(step["spread_ms"])))
    return table


def _time(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError("a time is {!r}".format(value))
    return number
