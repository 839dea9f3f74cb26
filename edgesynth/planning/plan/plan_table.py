"""Plans as text: of one board its builds, files and memory; of all boards a line each."""

from __future__ import annotations

from collections.abc import Sequence

from edgesynth.planning.cost import Prediction
from edgesynth.planning.plan.memory import size_in_words
from edgesynth.planning.plan.plan import Plan
from edgesynth.text_table import TextTable

LEGEND = "predicted, not measured: ± is the median error on published figures that were not fitted; unchecked: none are"
PROBE_LEGEND = "; measured: the share of the time that a probe of this board measured, layer by layer"


def heading(plan: Plan) -> str:
    """The board, its TensorRT, and whether the model will run."""
    board, build = plan.board, plan.recommended
    memory = f", {board.memory_gb:g} GiB" if board.memory_gb is not None else ""
    verdict = f"will run; build it at {build.precision}" if build else f"will NOT run: {plan.reason}"
    return f"{board.title} ({board.sm_name}{memory}), {_software(plan)}: {verdict}"


def _software(plan: Plan) -> str:
    return f"{plan.parser.name} ({plan.jetpack})" if plan.jetpack else plan.parser.name


def builds_table(plan: Plan) -> TextTable:
    """One line for each precision."""
    table = _table("precision", "hardware", "builds", "from", "predicted ms", "mJ/image")
    for build in plan.builds:
        table.add_row(
            build.precision,
            {True: "yes", False: "no", None: "unknown"}[build.native],
            "yes" if build.will_build else "NO",
            build.source or "-",
            *_figures(build.predicted),
            build.problem or build.note,
        )
    return table


def _figures(predicted: Prediction | None) -> tuple[str, str]:
    """Latency and energy, each with its error on published figures that were not fitted, where there are any."""
    if predicted is None:
        return "-", "-"
    latency = _with_error(predicted.latency_ms, predicted.error)
    if predicted.measured_share is not None:
        latency = f"{predicted.latency_ms:.3g} ({predicted.measured_share:.0%} measured)"
    return latency, _with_error(predicted.energy_mj_per_image, predicted.energy_error)


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g} {'(unchecked)' if error is None else f'± {error:.0%}'}"


def boards_table(plans: Sequence[Plan]) -> TextTable:
    """One line for each board."""
    table = _table("board", "TensorRT", "runs", "best", "from", "predicted ms", "mJ/image")
    for plan in plans:
        build = plan.recommended
        table.add_row(
            plan.board.name,
            plan.parser.name.split()[1],
            "yes" if build else "NO",
            build.precision if build else "-",
            build.source if build else "-",
            *_figures(build.predicted if build else None),
            build.note if build else plan.reason,
        )
    return table


def facts(plan: Plan) -> list[str]:
    """The files, what is refused of them, and the memory."""
    oldest, newest = plan.parser.opsets
    table = f"{plan.parser.source.partition(',')[0]}: {oldest} to {newest}"
    lines = []
    for file in plan.files:
        graph = file.graph
        count = f"{len(graph.nodes)} operators of {len(graph.operators())} kinds"
        parsed = "all parsed" if file.is_parsed else "not all parsed"
        lines.append(f"{graph.file}: opset {graph.opset} ({table}), IR {graph.ir}; {count}, {parsed}")
        lines += [f"  {'refused' if finding.fatal else 'note'}: {finding}" for finding in file.findings]
        lines += [f"  not built: {finding}" for finding in file.unbuilt]
    memory = plan.memory
    activations = "unknown" if memory.activations_bytes is None else size_in_words(memory.activations_bytes)
    lines.append(
        f"memory at batch {plan.batch}: weights {size_in_words(memory.weights_bytes)}, activations {activations}"
    )
    lines += [f"  note: {note}" for note in plan.notes]
    predicted = [build.predicted for build in plan.builds if build.predicted]
    probed = any(prediction.measured_share is not None for prediction in predicted)
    return [*lines, LEGEND + (PROBE_LEGEND if probed else "")] if predicted else lines


def _table(*headings: str) -> TextTable:
    """A table whose last column, of words, is wrapped."""
    return TextTable(*headings, "", fold=("",))
