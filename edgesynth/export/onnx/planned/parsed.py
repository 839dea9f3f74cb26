"""Check that TensorRT's parser reads a bundle's model, by the parser's table of operators."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.lineage import Config, board_of
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import Parser, parse_version, parser_of
from edgesynth.planning.plan.plan import choose_tensorrt

NMS = "NonMaxSuppression"


def parser_for(tensorrt: str | None, config: Config, nms: bool) -> Parser | None:
    """The parser that must read the model.

    Args:
        tensorrt: its version, as the user gives it; else the newest of the run's board stands for it where boxes are
            suppressed within the graph.
        config: of the run.
        nms: whether they are.

    Returns:
        None where nobody has named one.

    Raises:
        UserError: there is no such version, or it does not parse what suppresses boxes.
    """
    board = board_of(config) if nms and tensorrt is None else None
    if tensorrt is not None:
        parser = parser_of(parse_version(tensorrt))
    elif board is not None:
        parser = parser_of(choose_tensorrt(board, None)[0])
    else:
        return None
    if nms and NMS not in parser.restrictions:
        raise UserError(
            f"--nms-in-graph puts ONNX's {NMS} into the model, and {parser.name} does not parse it; leave it out "
            "(boxes.py of the bundle decodes on the board), or aim at a TensorRT that does: 8.2 or newer"
        )
    return parser


def check_parsed(path: Path, parser: Parser) -> None:
    """Refuse a model that a parser does not read.

    Raises:
        UserError: it refuses it; with the first reason.
    """
    fatal = [finding for finding in check_graph(read_graph(str(path)), parser) if finding.fatal]
    if fatal:
        raise UserError(
            f"no bundle was written, because {parser.name} would refuse {path.name}: {fatal[0]}; leave --tensorrt out "
            "to write it all the same"
        )
