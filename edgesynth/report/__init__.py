"""Report: a run as one HTML page, and its lineage as rows.

`lineage_table` reads the run and finds the main line; `benchmarks` reads the results of its bundles; `headline` gives
the main figures of both; `plots` draws; `page` fills `page.html` with all of it.
"""

from edgesynth.report.console_table import console_table
from edgesynth.report.lineage_table import Lineage, Row, lineage_rows, read_lineage
from edgesynth.report.page import write_report

__all__ = ["Lineage", "Row", "console_table", "lineage_rows", "read_lineage", "write_report"]
