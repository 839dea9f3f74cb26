"""The table of all studies in benchmarks/README.md: claim, figure and peer of each.

    python -m benchmarks.shared.index

Claim and peer are read from the README of a study, the figure from its `result.json`. Run it after a study.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.shared.study_figures import FIGURES
from benchmarks.shared.tables import write_table

BENCHMARKS = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the table."""
    text = table()
    write_table(BENCHMARKS / "README.md", "studies", text)
    print(text)


def table() -> str:
    """Markdown, in the order of `FIGURES`."""
    return "\n".join(["| study | claim | figure | peer |", "|---|---|---|---|", *map(line, FIGURES)])


def line(study: str) -> str:
    """A row of the table."""
    readme = (BENCHMARKS / study / "README.md").read_text()
    figure = FIGURES[study](json.loads((BENCHMARKS / study / "result.json").read_text()))
    claim, peer = _only(r"^Claim: (.+)$", readme), _only(r"^Peer: (.+)$", readme)
    return f"| [{study}]({study}/README.md) | {claim} | {figure} | {peer} |"


def _only(pattern: str, text: str) -> str:
    """The first match of a line."""
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise ValueError(f"no line of the README matches {pattern}")
    return match[1]


if __name__ == "__main__":
    main()
