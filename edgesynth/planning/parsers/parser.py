"""What the ONNX parser of each TensorRT reads: its table of operators, its opsets, its types.

One file for each table that onnx-tensorrt published, in `tables/`: adding a version is adding a file.
"""

import json
import pkgutil
from typing import Any, NamedTuple

from edgesynth.boards.board import Version
from edgesynth.errors import UserError

TABLES: tuple[Version, ...] = ((8, 0), (8, 2), (8, 4), (8, 5), (8, 6), (10, 1))
NEWEST = (11, 4)


class Parser(NamedTuple):
    """The parser of one version of TensorRT.

    Attributes:
        version: of TensorRT, (major, minor).
        table: version of the table that stands for it.
        source: where the table is from.
        opsets: oldest and newest opset that it documents.
        types: of tensors, as the table writes them ("FP16", "INT32").
        restrictions: restriction of each operator that it parses, empty for most; those of the table, and behind them
            those that only the importers' source tells of, without those that a release since the table has lifted.
        refused: operators of its time that it does not parse.
        operator_types: of the tensors that an operator computes with; empty before TensorRT 10, which casts what it
            does not have.
    """

    version: Version
    table: Version
    source: str
    opsets: tuple[int, int]
    types: frozenset[str]
    restrictions: dict[str, str]
    refused: frozenset[str]
    operator_types: dict[str, frozenset[str]]

    @property
    def name(self) -> str:
        """`TensorRT 8.2`."""
        return f"TensorRT {dotted(self.version)}"


def dotted(version: Version) -> str:
    """(8, 2) as 8.2."""
    return ".".join(map(str, version))


def parse_version(text: str) -> Version:
    """(8, 2) of "8.2" or "8.2.1.8".

    Raises:
        UserError: it is no version of TensorRT.
    """
    parts = text.strip().split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise UserError(f"{text!r} is not a version of TensorRT; give major.minor, as in 8.2")
    return int(parts[0]), int(parts[1])


def parser_of(version: Version) -> Parser:
    """The parser of a version: the newest table of its major version that is not newer than it.

    TensorRT 11 has no table of its own and is read with that of 10.

    Raises:
        UserError: there is no table for it.
    """
    table = table_for(version)
    if table is None:
        raise UserError(
            "no operator table for TensorRT {}; there are tables for: {}".format(
                dotted(version), ", ".join(dotted(known) for known in TABLES)
            )
        )
    facts = _read(table)
    restrictions = dict.fromkeys(facts["parsed"].split(), "")
    restrictions.update(facts["restricted"])
    _add_importers(restrictions, facts.get("importer", {}))
    _add_later(restrictions, facts.get("later", {}), version)
    return Parser(
        version=version,
        table=table,
        source=facts["source"],
        opsets=(facts["opsets"][0], facts["opsets"][1]),
        types=frozenset(facts["types"]),
        restrictions=restrictions,
        refused=frozenset(facts["refused"].split()) - restrictions.keys(),
        operator_types={
            op: frozenset(types.split()) for types, ops in facts.get("operator_types", {}).items() for op in ops.split()
        },
    )


def _add_importers(restrictions: dict[str, str], importer: dict[str, Any]) -> None:
    """What the source of the importers says: phrases of the table that it corrects, and others that it adds."""
    for phrase, corrected in importer.get("corrected", {}).items():
        for op, restriction in restrictions.items():
            restrictions[op] = restriction.replace(phrase, corrected)
    for op, restriction in importer.get("restricted", {}).items():
        restrictions[op] = ". ".join(filter(None, (restrictions[op].strip(" ."), restriction)))


def _add_later(restrictions: dict[str, str], later: dict[str, Any], version: Version) -> None:
    """What releases after the table brought, up to a version: operators that are parsed, restrictions that fell."""
    for release in later.get("releases", ()):
        if version >= tuple(release["version"]):
            restrictions.update(dict.fromkeys(release["parsed"].split(), ""))
            for op, phrase in release["lifted"].items():
                restrictions[op] = restrictions[op].replace(phrase, "")


def table_for(version: Version) -> Version | None:
    """Version of the table that stands for a version of TensorRT; None if there is none."""
    if version > NEWEST:
        return None
    major = 10 if version[0] == 11 else version[0]
    known = [table for table in TABLES if table[0] == major and (table <= version)]
    return known[-1] if known else None


def _read(table: Version) -> Any:
    data = pkgutil.get_data("edgesynth.planning.parsers", f"tables/{dotted(table)}.json")
    assert data is not None  # it is part of the package
    return json.loads(data.decode("utf-8"))
