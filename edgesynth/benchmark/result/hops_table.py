"""The table of a ledger: each form of a network compared with the one before, or with what it was at export."""

from typing import Iterable, NamedTuple, Optional

from edgesynth.text_table import TextTable


class HopRow(NamedTuple):
    """One line of the table.

    Attributes:
        hop: name of the form.
        compared_with: name of the other form; None for the first.
        max_abs: largest distance of an output; None if there is nothing to compare, or it is not finite.
        max_rel: that distance over the largest magnitude of the reference.
        metric_percent: the task's metric; None if it was not computed.
        change_points: percentage points gained.
        ok: whether all is within the tolerance.
    """

    hop: str
    compared_with: Optional[str]
    max_abs: Optional[float]
    max_rel: Optional[float]
    metric_percent: Optional[float]
    change_points: Optional[float]
    ok: bool


def hops_table(metric: Optional[str], rows: Iterable[HopRow]) -> TextTable:
    """The table; what is not known is a dash.

    Args:
        metric: name of the task's metric.
        rows: its lines.
    """
    numbers = ("error", "relative", "{} %".format(metric), "points", "ok")
    table = TextTable("hop", "compared with", *numbers, right=numbers)
    for row in rows:
        table.add_row(
            row.hop,
            row.compared_with or "-",
            or_dash("{:.2g}", row.max_abs),
            or_dash("{:.2g}", row.max_rel),
            or_dash("{:.2f}", row.metric_percent),
            or_dash("{:+.2f}", row.change_points),
            "yes" if row.ok else "NO",
        )
    return table


def or_dash(form: str, value: Optional[float]) -> str:
    """A figure in a form of `str.format`; a dash for None."""
    return "-" if value is None else form.format(value)
