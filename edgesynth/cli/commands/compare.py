"""`edgesynth compare`: results of `edgesynth benchmark` against the first of them (Python 3.6)."""

import sys
from typing import Tuple

import click

from edgesynth import defaults
from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_lines


@click.command(name="compare")
@click.argument("results", nargs=-1, metavar="REFERENCE RESULT...")
@click.option(
    "--tolerance",
    default=defaults.TOLERANCE_PERCENT,
    show_default=True,
    help="Percent that p50 and energy per image may rise.",
)
@click.option(
    "--max-accuracy-loss",
    default=defaults.MAX_ACCURACY_LOSS,
    show_default=True,
    help="Points of the metric that may be lost.",
)
@click.option("--anyway", is_flag=True, help="Compare what was not measured alike, and say what differs.")
@output_options
def command(results: Tuple[str, ...], tolerance: float, max_accuracy_loss: float, anyway: bool, as_json: bool) -> None:
    """Compare results of `edgesynth benchmark` with REFERENCE: latency, throughput, energy, accuracy, size.

    Exit code 0 if no RESULT is worse than allowed; 1 if one is; 2 if they were not measured alike (machine, power mode,
    engine and its version, threads, precisions and batches) or are no results.
    """
    # Imported here, so that --help does not wait for numpy.
    from edgesynth.benchmark.result.comparison import compare
    from edgesynth.benchmark.result.comparison_table import comparisons_json, format_comparisons
    from edgesynth.benchmark.result.result_reader import read_results

    reference, *others = read_results(results)
    comparisons = [compare(reference, other, tolerance, max_accuracy_loss, anyway) for other in others]
    regressions = [
        "regression: {}: {}".format(comparison.path, line)
        for comparison in comparisons
        for line in comparison.regressions
    ]
    if as_json:
        print_json(comparisons_json(reference, others, comparisons))
    else:
        print_lines(format_comparisons(reference, others, comparisons) + (regressions or ["no regression"]))
    if regressions:
        sys.exit(1)
