"""The picture of README.md: how many times smaller each network became, and what that did to its test figure.

    python -m benchmarks.shared.picture

It draws the table of `headlines.py` into `docs/results.png`, so it has the same figures. A digest of that table stands
in the picture: a test says when it is to be drawn again.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib

from benchmarks.shared import headlines

matplotlib.use("agg")
import matplotlib.pyplot as plt

PICTURE = Path(__file__).resolve().parent.parent.parent / "docs" / "results.png"
OURS, GAIN, LOSS = "#1f6f8b", "#3a8f5c", "#b5533c"


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        work: network and data set.
        size: the first that the table names, such as `125x synapses`.
        smaller_x: how many times fewer of these.
        change_points: test figure less the ancestor's, percentage points; above 0 is better.
    """

    work: str
    size: str
    smaller_x: float
    change_points: float


def main() -> None:
    """Draw the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    draw(rows_of(headlines.table()), PICTURE)
    print(PICTURE)


def rows_of(table: str) -> list[Row]:
    """The lines of the table of `headlines.py`."""
    rows = []
    for line in table.splitlines()[2:]:
        work, size, figure, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        first = size.partition(",")[0]
        own, metric, before = re.match(r"([\d.]+) % (\S+) \(([\d.]+) %\)", figure).groups()  # type: ignore[union-attr]
        change = float(own) - float(before)
        rows.append(
            Row(
                _short(work),
                first.partition(" by ")[0],
                float(first.partition("x")[0]),
                -change if metric == "error" else change,
            )
        )
    return rows


def digest() -> str:
    """What the picture was drawn from."""
    return hashlib.sha256(headlines.table().encode()).hexdigest()


def draw(rows: list[Row], path: Path) -> None:
    """Bars of how much smaller (log scale) beside bars of the change of the test figure.

    Args:
        rows: of the table.
        path: of the PNG file.
    """
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9})
    figure, (size, change) = plt.subplots(
        1, 2, figsize=(9, 0.36 * len(rows) + 1.1), sharey=True, width_ratios=[3, 2], layout="constrained"
    )
    places = range(len(rows))
    size.barh(places, [row.smaller_x for row in rows], color=OURS, height=0.62)
    size.set_xscale("log")
    size.set_xlim(1, 1000)
    size.set_xticks([1, 10, 100], ["1x", "10x", "100x"])
    size.minorticks_off()
    size.set_yticks(places, [row.work for row in rows])
    size.invert_yaxis()
    size.set_title("times smaller than its ancestor (log scale)", loc="left", fontsize=9.5)
    for place, row in enumerate(rows):
        size.annotate(row.size, (row.smaller_x, place), (4, 0), textcoords="offset points", va="center")
    points = [row.change_points for row in rows]
    change.barh(places, points, color=[GAIN if point >= 0 else LOSS for point in points], height=0.62)
    change.axvline(0, color="#444444", linewidth=0.8)
    most = max(map(abs, points))
    change.set_xlim(-1.7 * most, 1.7 * most)
    change.set_title("points gained on the test split", loc="left", fontsize=9.5)
    for place, point in enumerate(points):
        side = 4 if point >= 0 else -4
        change.annotate(
            f"{point:+.2f}".replace("-", "−"),
            (point, place),
            (side, 0),
            textcoords="offset points",
            va="center",
            ha="left" if point >= 0 else "right",
        )
    for axes in (size, change):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#dddddd", linewidth=0.7)
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=150, metadata={"Software": None, "Description": digest()})
    plt.close(figure)


def _short(work: str) -> str:
    """Network, data set and what tells it from its neighbors; without the number of seeds and epochs."""
    work = re.sub(r", (mean of \d+ seeds|\d+ epochs|the ancestor trained for \d+ epochs)", "", work)
    return work.replace(" images", "").replace(" at ", ", ").replace(" pixels", " px")


if __name__ == "__main__":
    main()
