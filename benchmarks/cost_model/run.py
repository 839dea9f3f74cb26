"""How far the cost model is from published latencies and power, with the parameters that this script fits.

    python -m benchmarks.cost_model.run

Writes result.json and the table, and prints the numbers of `edgesynth/planning/cost/fitted.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from benchmarks.cost_model.networks import NETWORKS, write_network
from benchmarks.cost_model.rows import LEFT_OUT, Row, check_rows, fitted_rows
from benchmarks.cost_model.table import table
from benchmarks.shared.tables import write_table
from edgesynth.boards.table import find_board
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.planning.cost import read_layers
from edgesynth.planning.cost.layers import Layer
from edgesynth.planning.cost.power import Consumption, watts
from edgesynth.planning.cost.prediction import machine_of
from edgesynth.planning.cost.roofline import Efficiency, seconds, traffic_bytes

HERE = Path(__file__).resolve().parent
SPLITS = 20
# Where the fits start, after a first look at all rows. A parameter that the rows say nothing of stays there; the others
# are drawn to it as if a factor of two (in logarithms) away were one standard deviation, and rows spread by 15 %.
START = Efficiency(0.6, 0.8, 0.55, 0.01, 0.6, 30.0, 0.4)
START_POWER = Consumption(4.0, 8.0, 200.0, 2.0, 1.0)
SPREAD, FREEDOM = 0.15, math.log(2)

# Each distinct kernel of a network and how often it occurs.
Census = dict[str, list[tuple[Layer, int]]]


def main() -> None:
    """Fit, evaluate, write."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        networks = {name: read(name, Path(folder)) for name in NETWORKS}
    rows, checks = fitted_rows(), check_rows()
    names = sorted({row.architecture for row in rows})
    chosen = set(names[::2])
    efficiency = fit_latency(networks, [row for row in rows if row.architecture in chosen])
    consumption = fit_power(networks, [row for row in rows if row.watts])
    predicted = [figure(networks, row, efficiency, row.architecture in chosen) for row in rows]
    checked = [figure(networks, row, efficiency, False) for row in checks]
    result = {
        "efficiency": efficiency._asdict(),
        "consumption": consumption._asdict(),
        "networks": {name: counts(kernels) for name, kernels in networks.items()},
        "rows": predicted,
        "checks": checked,
        "latency_error": {
            "all": median_error(row for row in predicted if not row["fitted"]),
            "fitted": median_error(row for row in predicted if row["fitted"]),
            "read": median_error(row for row in predicted if not row["fitted"] and "recalled" not in row["source"]),
            **{
                board: median_error(
                    row for row in [*predicted, *checked] if row["board"] == board and not row["fitted"] and usual(row)
                )
                for board in ("tx1", "tx2", "nano")
            },
        },
        "by_network": by_network(predicted),
        "other_splits": other_splits(networks, rows, names),
        "power": power_rows(networks, rows, efficiency),
        "left_out": LEFT_OUT,
    }
    energy = [abs(row["energy_mj"] / row["published_mj"] - 1) for row in result["power"]]
    result["energy_error"] = round(statistics.median(energy), 3)
    write_bytes(HERE / "result.json", (json.dumps(result, indent=1) + "\n").encode())
    write_table(HERE / "README.md", "cost_model", table(result))
    print(f"EFFICIENCY = {efficiency}\nCONSUMPTION = {consumption}")
    print(f"LATENCY_ERROR = {result['latency_error']}\nENERGY_ERROR = {result['energy_error']}")


def usual(row: dict) -> bool:
    """Whether a row stands for the board: the recalled page does not."""
    return "low confidence" not in row["source"]


def read(name: str, folder: Path) -> list[tuple[Layer, int]]:
    """The distinct kernels of a network, read from its ONNX file, and how often each occurs."""
    path = write_network(name, folder)
    layers = read_layers(str(path))
    path.unlink()
    number = Counter(tuple({**vars(layer), "name": ""}.items()) for layer in layers)
    return [(Layer(**dict(key)), count) for key, count in number.items()]


def counts(kernels: Sequence[tuple[Layer, int]]) -> dict[str, int]:
    """What a reader can hold against the network's paper."""
    return {
        "kernels": sum(count for _, count in kernels),
        "macs": sum(count * layer.macs for layer, count in kernels),
        "weights": sum(count * layer.weights for layer, count in kernels),
    }


def latency_ms(networks: Census, row: Row, efficiency: Efficiency) -> float:
    """Predicted latency of a row."""
    board = find_board(row.board)
    machine = machine_of(board, board.mode(row.mode), row.precision)
    kernels = sum(
        count * seconds(layer, row.batch, machine, efficiency).total for layer, count in networks[row.network]
    )
    return kernels * 1e3 + efficiency.call_ms


def figure(networks: Census, row: Row, efficiency: Efficiency, fitted: bool) -> dict:
    """A row with its prediction."""
    return {**asdict(row), "predicted_ms": round(latency_ms(networks, row, efficiency), 3), "fitted": fitted}


def median_error(rows: Iterable[dict]) -> float:
    """Median of |predicted / published - 1|."""
    return round(statistics.median(abs(row["predicted_ms"] / row["latency_ms"] - 1) for row in rows), 3)


def by_network(predicted: Sequence[dict]) -> float:
    """Median error of the held-out rows where each network counts once for each board and precision."""
    groups: dict[tuple, list[float]] = {}
    for row in predicted:
        if not row["fitted"]:
            key = (row["source"], row["network"], row["board"], row["precision"])
            groups.setdefault(key, []).append(abs(row["predicted_ms"] / row["latency_ms"] - 1))
    return round(statistics.median(statistics.median(errors) for errors in groups.values()), 3)


def fit_latency(networks: Census, rows: Sequence[Row]) -> Efficiency:
    """The most likely parameters, to three digits; rows that differ in batch or image size alone share one vote."""

    def group(row: Row) -> tuple[str, ...]:
        return row.source, row.architecture, row.board, row.precision

    number = Counter(map(group, rows))
    weights = np.array([number[group(row)] ** -0.5 for row in rows])

    def errors(parameters: Sequence[float]) -> np.ndarray:
        efficiency = Efficiency(*parameters)
        return weights * [math.log(latency_ms(networks, row, efficiency) / row.latency_ms) for row in rows]

    return Efficiency(*_likeliest(errors, START))


def fit_power(networks: Census, rows: Sequence[Row]) -> Consumption:
    """The most likely parameters at the published rates, to three digits."""

    def errors(parameters: Sequence[float]) -> np.ndarray:
        consumption = Consumption(*parameters)
        return np.array(
            [math.log(power_w(networks, row, row.latency_ms, consumption) / (row.watts or 1)) for row in rows]
        )

    return Consumption(*_likeliest(errors, START_POWER))


def power_w(networks: Census, row: Row, at_ms: float, consumption: Consumption) -> float:
    """Predicted power of a row that takes so long."""
    board, kernels = find_board(row.board), networks[row.network]
    operations = 2.0 * row.batch * sum(count * layer.macs for layer, count in kernels)
    moved = sum(count * traffic_bytes(layer, row.batch, 2) for layer, count in kernels)
    power = watts(
        board, board.mode(row.mode), row.precision, operations / at_ms * 1e3, moved / at_ms * 1e3, consumption
    )
    assert power is not None
    return power


def power_rows(networks: Census, rows: Sequence[Row], efficiency: Efficiency) -> list[dict]:
    """Power and energy of each network with the power of the other alone, and predicted latencies."""
    predicted = []
    measured = [row for row in rows if row.watts]
    for network in sorted({row.network for row in measured}):
        consumption = fit_power(networks, [row for row in measured if row.network != network])
        for row in measured:
            if row.network == network and row.watts:
                predicted_ms = latency_ms(networks, row, efficiency)
                predicted_w = power_w(networks, row, predicted_ms, consumption)
                predicted.append(
                    {
                        **asdict(row),
                        "predicted_w": round(predicted_w, 2),
                        "published_mj": round(row.watts * row.latency_ms / row.batch, 3),
                        "energy_mj": round(predicted_w * predicted_ms / row.batch, 3),
                    }
                )
    return predicted


def other_splits(networks: Census, rows: Sequence[Row], names: Sequence[str]) -> list[float]:
    """Held-out median errors of random splits of the networks, seeds 0 and up."""
    errors = []
    for seed in range(SPLITS):
        chosen = set(np.random.default_rng(seed).permutation(list(names))[: (len(names) + 1) // 2])
        efficiency = fit_latency(networks, [row for row in rows if row.architecture in chosen])
        held_out = [row for row in rows if row.architecture not in chosen]
        errors.append(median_error(figure(networks, row, efficiency, False) for row in held_out))
    return errors


def _likeliest(errors: Callable[[Sequence[float]], np.ndarray], start: Sequence[float]) -> list[float]:
    """Least squares in logarithms (of long tails), each parameter drawn to its start."""
    origin = np.array(start)

    def residuals(moved: np.ndarray) -> np.ndarray:
        return np.concatenate([errors([float(value) for value in origin * np.exp(moved)]) / SPREAD, moved / FREEDOM])

    best = least_squares(residuals, np.zeros(len(start)), loss="soft_l1")
    return [float(f"{value:.3g}") for value in origin * np.exp(best.x)]


if __name__ == "__main__":
    main()
