"""The lineage's main line as a table for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable

from edgesynth.report.formats import milliseconds, percent, short_count, times
from edgesynth.report.lineage_table import Row
from edgesynth.text_table import TextTable


def console_table(rows: Iterable[Row]) -> TextTable:
    """One line for each individual.

    Args:
        rows: of the main line, the ancestor first.
    """
    numbers = ("val %", "synapses", "clusters", "MACs", "syn x", "clu x", "ms")
    table = TextTable("individual", *numbers, right=numbers)
    for row in rows:
        table.add_row(
            row.individual,
            percent(row.validation_percent),
            short_count(row.synapses),
            short_count(row.clusters),
            short_count(row.macs),
            times(row.synaptic_efficiency_x),
            times(row.cluster_efficiency_x),
            milliseconds(row.latency_ms),
        )
    return table
