"""From an individual to figures: `write_bundle`, `plan`, `measure` and `compare`, one function for each command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesynth import defaults
from edgesynth.api.options import BundleOptions, MeasureOptions
from edgesynth.benchmark.bundle.bundle import KEPT, open_target
from edgesynth.benchmark.remote import LOCAL, Options, measure_on
from edgesynth.benchmark.result.comparison import Comparison
from edgesynth.benchmark.result.comparison import compare as compare_results
from edgesynth.benchmark.result.result import check_destination, write_result
from edgesynth.benchmark.result.result_reader import read_results
from edgesynth.boards.board import Board
from edgesynth.boards.detect import board_named
from edgesynth.boards.probed import read_table
from edgesynth.export import Bundle, export_individual
from edgesynth.lineage import parse_individual
from edgesynth.planning.plan.plan import Plan
from edgesynth.planning.plan.plan_files import Place, plan_files

if TYPE_CHECKING:
    from typing_extensions import Unpack


def write_bundle(source: str | Path, out: str | Path | None = None, **options: Unpack[BundleOptions]) -> Bundle:
    """Write an individual as a bundle, as `edgesynth export` does: ONNX, INT8 on demand, samples, manifest, README.

    Args:
        source: an individual, as `RUN:INDIVIDUAL`, or a run, which means its best feasible individual.
        out: the bundle's folder, absent or empty; `RUN/bundles/INDIVIDUAL` by default.
        options: see `BundleOptions`.

    Returns:
        The bundle; its `ledger` is false if an INT8 model lost more than it may.

    Raises:
        UserError: see `edgesynth.export.export_individual`.
    """
    run, name = parse_individual(str(source))
    return export_individual(run, name, None if out is None else Path(out), **options)


def plan(
    model: str | Path,
    board: str | Path | Board,
    tensorrt: str | None = None,
    mode: str | None = None,
    batch: int | None = None,
    probe: str | Path | None = None,
) -> Plan:
    """What a board's TensorRT will make of a model, before anything is built, as `edgesynth plan` says.

    Args:
        model: a bundle's folder, or an `.onnx` file.
        board: a name of the table such as `tx2`, `this-gpu`, a JSON file, or a board.
        tensorrt: its version, such as `8.2`; the newest that the board has by default.
        mode: the power mode of the prediction; the board's fastest by default.
        batch: images per inference; what the model is fixed to, or 1, by default.
        probe: table of `edgesynth probe`, whose layers replace those of the cost model.

    Raises:
        UserError: there is no such board, version, mode, model or table, or one of them does not fit the others.
    """
    target = open_target(str(model), samples=False)
    place = Place(
        board if isinstance(board, Board) else board_named(str(board)),
        mode,
        None if probe is None else read_table(str(probe)),
    )
    return plan_files(target.forms, place, tensorrt, target.ranges, batch, target.manifest.get(KEPT, []))[0]


def measure(
    bundle: str | Path, on: str = LOCAL, output: str | Path | None = None, **options: Unpack[MeasureOptions]
) -> dict[str, Any]:
    """Measure latency, throughput, energy and accuracy of a bundle, as `edgesynth benchmark` does.

    Args:
        bundle: a bundle's folder, or an `.onnx` file.
        on: `local`, or `ssh://user@host[:port]`.
        output: the result file, for `compare`; none is written by default.
        options: see `MeasureOptions`.

    Returns:
        The result, as it stands in the file.

    Raises:
        UserError: see `edgesynth.benchmark.remote.measure_on`.
        InterruptedRunError: Ctrl-C during the timing, with what was measured.
    """
    if output is not None:
        check_destination(str(output))
    result = measure_on(on, str(bundle), Options(**options))
    if output is not None:
        write_result(str(output), result)
    return result


def compare(
    reference: str | Path,
    other: str | Path,
    tolerance_percent: float = defaults.TOLERANCE_PERCENT,
    max_accuracy_loss: float = defaults.MAX_ACCURACY_LOSS,
    anyway: bool = False,
) -> Comparison:
    """Compare a result file with a reference, as `edgesynth compare` does.

    Args:
        reference: file of a result that `edgesynth benchmark` or `measure` wrote.
        other: the same of what is compared.
        tolerance_percent: by how much the median latency and the energy per image may rise, 0 or more.
        max_accuracy_loss: percentage points of accuracy that may be lost, 0 or more.
        anyway: compare what was not measured alike, and say what differs.

    Returns:
        The comparison; its `regressions` are what is worse than allowed.

    Raises:
        UserError: a file is no result, or they were not measured alike.
    """
    first, second = read_results([str(reference), str(other)])
    return compare_results(first, second, tolerance_percent, max_accuracy_loss, anyway)
