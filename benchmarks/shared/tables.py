"""Tables in README.md that scripts write and nobody types."""

from __future__ import annotations

from pathlib import Path

from edgesynth.lineage.storage.files import write_bytes


def write_table(readme: Path, name: str, table: str) -> None:
    """Replace what stands between the markers of a benchmark.

    Args:
        readme: a Markdown file with `<!-- name -->` and `<!-- /name -->` on lines of their own.
        name: the benchmark's name.
        table: Markdown.
    """
    before, opening, rest = readme.read_text().partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    if not opening or not closing:
        raise ValueError(f"{readme} lacks the markers of {name}")
    write_bytes(readme, (before + opening + table + "\n" + closing + after).encode())
