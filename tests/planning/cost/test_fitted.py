"""The numbers in the package are those that the benchmark fitted and stated, on networks that are what they claim."""

import json
import statistics
import subprocess
import sys

import pytest

from edgesynth.planning.cost import predict
from edgesynth.planning.cost.fitted import CONSUMPTION, EFFICIENCY, ENERGY_ERROR, LATENCY_ERROR
from tests.conftest import ROOT

RESULT = json.loads((ROOT / "benchmarks/cost_model/result.json").read_text())


def test_the_package_has_the_parameters_and_the_errors_of_the_benchmark():
    assert EFFICIENCY._asdict() == RESULT["efficiency"]
    assert CONSUMPTION._asdict() == RESULT["consumption"]
    assert {board: RESULT["latency_error"][board] for board in LATENCY_ERROR} == LATENCY_ERROR
    assert set(ENERGY_ERROR.values()) == {RESULT["energy_error"]}


def test_the_error_of_the_held_out_rows_is_the_one_stated():
    held_out = [row for row in RESULT["rows"] if not row["fitted"]]
    errors = [abs(row["predicted_ms"] / row["latency_ms"] - 1) for row in held_out]
    assert statistics.median(errors) == pytest.approx(RESULT["latency_error"]["all"], abs=1e-3)
    assert statistics.median(errors) < 0.25
    fitted = {row["network"] for row in RESULT["rows"] if row["fitted"]}
    assert not fitted & {row["network"] for row in held_out}


def test_later_releases_are_as_much_faster_as_the_note_says():
    fastest = max(row["predicted_ms"] / row["latency_ms"] for row in RESULT["checks"])
    assert f"{fastest:.1f}" == "1.5"


@pytest.mark.parametrize(
    ("network", "macs_m", "parameters_m"),
    [
        ("alexnet", 724, 60.97),
        ("googlenet", 1582, 6.99),
        ("inception_v4", 12270, 42.7),  # arXiv 1602.07261
        ("mobilenet_v1_1.0_224", 569, 4.24),  # TF-slim's table of MobileNet v1
        ("mobilenet_v1_0.5_160", 77, 1.34),
        ("mobilenet_v1_0.25_128", 14, 0.47),
        ("vgg16", 15470, 138.4),
        ("yolov4_416", 30050, 64.4),  # Darknet: 60.1 BFLOPs
    ],
)
def test_the_networks_that_were_drawn_count_what_was_published(network, macs_m, parameters_m):
    counts = RESULT["networks"][network]
    assert counts["macs"] / 1e6 == pytest.approx(macs_m, rel=0.01, abs=0.5)
    assert counts["weights"] / 1e6 == pytest.approx(parameters_m, rel=0.03)  # biases are not counted


def test_predict_gives_what_the_benchmark_states(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from benchmarks.cost_model.networks import write_network\n"
        "for name in sys.argv[2:]: write_network(name, Path(sys.argv[1]))"
    )
    networks = ("alexnet", "resnet_v1_50", "mobilenet_v1_0.25_128")
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *networks], check=True, cwd=ROOT)
    rows = [row for row in RESULT["rows"] if row["network"] in networks]
    assert len(rows) == 28
    for row in rows:
        path = str(tmp_path / f"{row['network']}.onnx")
        found = predict(path, row["board"], row["precision"], row["batch"], row["mode"])
        assert found.latency_ms == pytest.approx(row["predicted_ms"], abs=1e-3)
