"""The lineage as rows: each individual against its ancestor, and the main line that leads to the best one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edgesynth.errors import UserError
from edgesynth.lineage import Figures, Record, Run, fronts


@dataclass(frozen=True)
class Row:
    """One individual beside its ancestor.

    Attributes:
        individual: its name, such as `g003-c1`.
        generation: 0 for the ancestor.
        parents: names of its parents.
        validation_percent: metric on the validation split (percent).
        test_percent: metric on the test split (percent); None where it was not read.
        feasible: whether it meets the accuracy floor.
        on_main_line: whether it is an ancestor of the best individual, or that one.
        proxy: whether it had the short nurture alone by which its siblings were preferred.
        synapses: living weights of convolution and linear layers.
        clusters: their living output channels.
        macs: multiply-accumulates for one input after removal, dense.
        params: parameters after removal.
        sparse_bytes: bytes of its sparse form.
        synaptic_efficiency_x: the ancestor's synapses over its own; None where it has none.
        cluster_efficiency_x: the same for clusters.
        macs_fewer_x: the same for MACs.
        latency_ms: None where it was not measured.
        predicted: latency and energy on the run's board by the cost model, as `measured.json` has them; None without.
        figures: what was measured on the machine that the run aims at; None where it was not.
        correction: {budget of a board: by what factor its prediction was corrected when it was drawn}; empty where the
            run measures nothing.
        foreseen: {budget of a board: what it was then predicted to be measured at}.
        aimed_latency_ms: on the machine that the run aims at, measured where the run measures, else predicted; None
            where it is not known.
        breeding_s: wall time of its synthesis and nurture (s); None where it was not measured.
        extra_metrics: further figures of the test split, such as (("MAE", 0.1),).
    """

    individual: str
    generation: int
    parents: tuple[str, ...]
    validation_percent: float
    test_percent: float | None
    feasible: bool
    on_main_line: bool
    proxy: bool
    synapses: int
    clusters: int
    macs: int
    params: int
    sparse_bytes: int
    synaptic_efficiency_x: float | None
    cluster_efficiency_x: float | None
    macs_fewer_x: float | None
    latency_ms: float | None
    breeding_s: float | None
    predicted: dict[str, Any] | None = None
    figures: Figures | None = None
    correction: dict[str, float] = field(default_factory=dict)
    foreseen: dict[str, float] = field(default_factory=dict)
    aimed_latency_ms: float | None = None
    extra_metrics: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Lineage:
    """All individuals of a run, and its main line.

    Attributes:
        rows: all individuals, oldest first.
        line: the main line, oldest first.
        records: the facts behind the rows, by name.
        best: the best feasible individual; None while the run goes on or if there is none.
        reason: why the run stopped; None while it has not.
        min_accuracy: floor on the validation metric (percent); None while it is not known.
        metric: name of the task's metric.
        unfinished: folders of individuals without a record, which is written last: they are left out.
    """

    rows: tuple[Row, ...]
    line: tuple[Row, ...]
    records: dict[str, Record]
    best: str | None
    reason: str | None
    min_accuracy: float | None
    metric: str = "accuracy"
    unfinished: tuple[str, ...] = ()

    @property
    def fronts(self) -> dict[str, list[Row]]:
        """{cost: rows on the Pareto front of accuracy against it}, cheapest first; see `edgesynth.lineage.fronts`."""
        named = {row.individual: row for row in self.rows}
        latencies = {row.individual: row.aimed_latency_ms for row in self.rows if row.aimed_latency_ms is not None}
        of_names = fronts(self.records.values(), latencies)
        return {cost: [named[name] for name in names] for cost, names in of_names.items()}

    @property
    def ancestor(self) -> Row:
        """Generation 0."""
        return self.rows[0]

    @property
    def tip(self) -> Row:
        """End of the main line: the best individual, or without one the newest generation's best by validation."""
        return self.line[-1]

    def to_json(self) -> dict[str, Any]:
        """Plain values: why the run stopped, its best, its fronts by name, and a row for each individual."""
        return {
            "reason": self.reason,
            "best": self.best,
            "metric": self.metric,
            "min_accuracy": self.min_accuracy,
            "front": {cost: [row.individual for row in rows] for cost, rows in self.fronts.items()},
            "individuals": [self._row_json(row) for row in self.rows],
            "unfinished": list(self.unfinished),
        }

    def _row_json(self, row: Row) -> dict[str, Any]:
        record = self.records[row.individual]
        facts = {"died": record.died or None, "weight_bits": record.nurture.get("weight_bits")}
        return {**asdict(row), "extra_metrics": dict(row.extra_metrics), **facts}


def read_lineage(run: Run) -> Lineage:
    """Read all finished individuals of a run.

    Raises:
        UserError: nothing is finished yet, the ancestor is missing, or a file is damaged.
    """
    records = {record.name: record for record in run.records()}
    if not records:
        raise UserError(f"{run.path} has no finished individual yet; continue it with edgesynth evolve --resume")
    ancestor = next(iter(records.values()))
    if ancestor.generation != 0:
        raise UserError(f"{run.path} has no ancestor (g000-c0); breed it again with edgesynth evolve --resume")
    outcome = run.outcome()
    best = outcome.get("best") if outcome.get("best") in records else None
    line = _chain(records, best or _newest_best(records))
    tested = run.tested()
    rows = {name: _row(run, record, ancestor, tested.get(name), name in line) for name, record in records.items()}
    return Lineage(
        rows=tuple(rows.values()),
        line=tuple(rows[name] for name in line),
        records=records,
        best=best,
        reason=str(outcome.get("reason", "outcome.json does not say")).rstrip(".") if outcome else None,
        min_accuracy=outcome.get("min_accuracy", run.config.min_accuracy),
        metric=run.metric,
        unfinished=tuple(run.unfinished()),
    )


def lineage_rows(run: Run) -> list[Row]:
    """Rows of the main line, from the ancestor to the best individual.

    Raises:
        UserError: see `read_lineage`.
    """
    return list(read_lineage(run).line)


def _row(run: Run, record: Record, ancestor: Record, test_percent: float | None, on_main_line: bool) -> Row:
    own, first, measured = record.census, ancestor.census, run.measured(record.name)
    return Row(
        individual=record.name,
        generation=record.generation,
        parents=record.parents,
        validation_percent=record.validation,
        test_percent=test_percent,
        feasible=record.feasible,
        on_main_line=on_main_line,
        proxy=record.proxy,
        synapses=own.synapses,
        clusters=own.clusters,
        macs=own.macs,
        params=own.params,
        sparse_bytes=own.sparse_bytes,
        synaptic_efficiency_x=_ratio(first.synapses, own.synapses),
        cluster_efficiency_x=_ratio(first.clusters, own.clusters),
        macs_fewer_x=_ratio(first.macs, own.macs),
        latency_ms=measured.get("latency_ms"),
        breeding_s=measured.get("breeding_s"),
        predicted=measured.get("predicted"),
        figures=run.figures(record.name),
        correction=record.synthesis.get("correction", {}),
        foreseen=record.synthesis.get("predicted", {}),
        aimed_latency_ms=_aimed_latency_ms(run, record.name, measured),
        extra_metrics=tuple(run.extra_metrics().get(record.name, {}).items()),
    )


def _aimed_latency_ms(run: Run, name: str, measured: dict[str, Any]) -> float | None:
    if run.config.measure_on is not None:
        figures = run.figures(name)
        return None if figures is None else figures.latency_ms
    predicted: dict[str, Any] | None = measured.get("predicted")
    return None if predicted is None else predicted["latency_ms"]


def _ratio(ancestor: int, individual: int) -> float | None:
    return ancestor / individual if individual else None


def _newest_best(records: dict[str, Record]) -> str:
    newest = max(record.generation for record in records.values())
    candidates = [record for record in records.values() if record.generation == newest]
    # Of equally accurate ones the smaller leads; who had a proxy's nurture only leads where there is no other.
    return max(candidates, key=lambda record: (not record.proxy, record.validation, -record.census.synapses)).name


def _chain(records: dict[str, Record], name: str) -> list[str]:
    """Names from the oldest known parent to `name`; of two parents the first is followed."""
    chain = [name]
    while records[chain[-1]].parents:
        parent = records[chain[-1]].parents[0]
        if parent not in records or parent in chain:
            break
        chain.append(parent)
    return chain[::-1]
