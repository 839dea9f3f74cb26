"""The page: one self-contained HTML file with all results of a run."""

from __future__ import annotations

import importlib.metadata
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

import edgesynth
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.lineage import Run
from edgesynth.lineage.storage.files import remove_left_overs, write_bytes
from edgesynth.printable import printable
from edgesynth.report import formats
from edgesynth.report.benchmarks import Benchmarks, facts, read_benchmarks
from edgesynth.report.headline import headline
from edgesynth.report.lineage_table import Lineage, read_lineage
from edgesynth.report.measured_rows import measured_rows
from edgesynth.report.plots.front import front_plot
from edgesynth.report.plots.histogram import histogram, shared_range_ms
from edgesynth.report.plots.predictions import predictions_plot
from edgesynth.report.plots.survival import columns, dead_branches, survival
from edgesynth.report.plots.trade_off import below_range, trade_off

LIBRARIES = ("torch", "numpy", "onnx", "onnxruntime")


def write_report(run: Run) -> Path:
    """Write the run's `report.html`, whole or not at all.

    Args:
        run: the run; it need not have stopped, and nothing in it is changed.

    Returns:
        Path of the page.

    Raises:
        UserError: nothing is finished yet, or a file of the run is damaged. A damaged result of a benchmark is named
            in the page instead.
    """
    path = run.path / "report.html"
    remove_left_overs(run.path)
    write_bytes(path, render(run).encode("utf-8", "replace"))  # a run may lie in a folder whose name is no text
    return path


def render(run: Run) -> str:
    """The page as HTML; the same run gives the same text.

    Raises:
        UserError: see `write_report`.
    """
    from jinja2 import Environment, StrictUndefined

    lineage, benchmarks = read_lineage(run), read_benchmarks(run.path)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    written = ("count", "percent", "times", "milliseconds", "seconds", "decimal")
    environment.filters.update({name: getattr(formats, name) for name in written})
    template = environment.from_string(files("edgesynth.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        name=run.path.resolve().name,
        lineage=lineage,
        figures=headline(lineage, benchmarks),
        trade_offs=[trade_off(lineage, cost) for cost in lineage.fronts],
        front=front_plot(lineage),
        predictions=_predictions(run),
        front_command=_export(run, next(iter(lineage.fronts["synapses"]), lineage.tip).individual),
        below=len(below_range(lineage)),
        survivals=[survival(lineage, what) for what in ("clusters", "synapses")],
        survival_columns=len(columns(lineage)),
        dead_branches=dead_branches(lineage),
        measured_rows=measured_rows(lineage),
        benchmarks=benchmarks,
        histograms=_histograms(benchmarks),
        command=_command(run, lineage, benchmarks),
        config=escape((run.path / "config.toml").read_text(encoding="utf-8")),
        machine=_machine(),
        version=edgesynth.__version__,
    )


def _shown(value: Any) -> Any:
    """A value as the page shows it: text is made printable; HTML, such as a drawing, is left as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _predictions(run: Run) -> Markup | None:
    """The picture of sample predictions of the ancestor and the best individual; None where the run kept none."""
    predictions = run.predictions()
    return None if predictions is None else predictions_plot(predictions, run.task().get("labels", []))


def _histograms(benchmarks: Benchmarks) -> list[dict[str, Any]]:
    """For each bundle its plots, and whether they share an axis."""
    bundles = []
    for place, bundle in enumerate(benchmarks.measured):
        range_ms = shared_range_ms(bundle)
        plots: list[Markup] = [
            histogram(measurement, bundle.individual, f"latency-{place}-{number}", range_ms)
            for number, measurement in enumerate(bundle.first_batch)
            if measurement.samples_ms
        ]
        bundles.append({"plots": plots, "shared": range_ms is not None})
    return bundles


def _command(run: Run, lineage: Lineage, benchmarks: Benchmarks) -> str:
    """The command that measures a latency."""
    if benchmarks.waiting:
        return f"edgesynth benchmark {shlex.quote(str(run.path / 'bundles' / benchmarks.waiting[0]))}"
    individual = lineage.tip.individual
    bundle = shlex.quote(str(run.path / "bundles" / individual))
    return f"{_export(run, individual)} && edgesynth benchmark {bundle}"


def _export(run: Run, individual: str) -> str:
    return f"edgesynth export {shlex.quote(f'{run.path}:{individual}')}"


def _machine() -> tuple[tuple[str, str], ...]:
    """Facts of this machine and versions of the libraries that the figures depend on."""
    versions = {name: _version(name) for name in LIBRARIES}
    return facts({**describe_machine(), **versions})


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
