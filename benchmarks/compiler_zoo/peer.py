"""Verdicts of trtcheck on files, as JSON on standard output; run by the Python that has it.

python -m benchmarks.compiler_zoo.peer VERSION FILE [FILE ...]
"""

from __future__ import annotations

import json
import sys
from typing import Any

CRITICAL = "critical"


def main() -> None:
    """Judge all files for one version of TensorRT."""
    from trtcheck import __version__
    from trtcheck.analyzer import Analyzer, AnalyzerConfig

    analyzer = Analyzer(AnalyzerConfig(target_trt=sys.argv[1]))
    print(json.dumps({"version": __version__, "verdicts": [verdict(analyzer, path) for path in sys.argv[2:]]}))


def verdict(analyzer: Any, path: str) -> dict[str, str]:
    """likely, unverified or blocked; and what it blocks for."""
    try:
        report = analyzer.analyze_path(path)
    except Exception as error:  # whatever it is, it is this file's verdict
        return {"verdict": "crashed", "says": f"{type(error).__name__}: {error}"}
    critical = [issue.message for issue in report.issues if issue.severity.value == CRITICAL]
    return {"verdict": report.verdict.value, "says": "; ".join(critical)}


if __name__ == "__main__":
    main()
