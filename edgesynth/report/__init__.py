"""Report: a run as one HTML page, and its lineage as rows.

The journey: `lineage_table` reads the run and finds the main line; `benchmarks` reads what the bundles measured;
`headline` says it in a few figures; `survival`, `trade_off` and `histogram` draw; `page` puts it all into `page.html`.
"""

from edgesynth.report.console_table import console_table
from edgesynth.report.lineage_table import Lineage, Row, lineage_rows, read_lineage
from edgesynth.report.page import write_report

__all__ = ["Lineage", "Row", "console_table", "lineage_rows", "read_lineage", "write_report"]
