import json
import shutil

import pytest
import torch

from edgesynth.errors import UserError
from edgesynth.export import export_individual
from edgesynth.export.bundle import bundle
from edgesynth.export.bundle.ledger import FP32, Ledger, loss_of
from edgesynth.export.half.half import FILE as HALF
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import OFFSPRING, damage, tree

HOPS = ["torch masked", "torch removed", "onnx fp32", "onnx fp16", "onnx int8", "onnx int8-cpu"]
FILES = ("model.onnx", "model.fp16.onnx", "model.int8.onnx", "model.int8-cpu.onnx")
HALF_A_POINT = loss_of(0.5)


def logits(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def first_wins(outputs):
    """Percent of rows whose first output is the largest."""
    return 100.0 * (outputs.argmax(dim=1) == 0).double().mean().item()


def test_the_hops_go_from_torch_to_int8_each_against_the_one_before(exported):
    assert [hop.hop for hop in exported.ledger.hops] == HOPS
    assert [hop.compared_with for hop in exported.ledger.hops] == [None, *HOPS[:2], *["onnx fp32"] * 3]
    assert exported.ledger.first_bad is None
    assert exported.ledger


def test_errors_are_those_of_a_comparison_by_hand(exported, kind, pristine_run, task):
    individual = pristine_run.load(OFFSPRING)
    images, _ = task.load_test()
    with torch.no_grad():
        outputs = [kind.masked(individual)(images), kind.removed(individual)(images)]
    outputs += [run_onnx(exported.path / name, images, half_storage=name == HALF) for name in FILES]
    before = [None, 0, 1, 2, 2, 2]
    for place in range(1, 6):
        reference = outputs[before[place]]
        error = (outputs[place] - reference).abs().max().item()
        # Batches of another size may round differently in the last bits.
        assert exported.ledger.hops[place].max_abs == pytest.approx(error, rel=1e-3, abs=1e-5)
        assert exported.ledger.hops[place].max_rel == pytest.approx(
            error / reference.abs().max().item(), rel=1e-3, abs=1e-6
        )


def test_errors_are_the_largest_of_all_images_and_one_that_is_no_number_is_found_among_many():
    reference = torch.ones(200, 2)
    ledger = Ledger(first_wins)
    ledger.start("one", reference)
    outputs = reference.clone()
    outputs[70, 1], outputs[199, 0] = 1.25, 0.5
    hop = ledger.compare("two", outputs, "one", FP32)
    assert (hop.max_abs, hop.max_rel, hop.ok) == (0.5, 0.5, False)
    outputs[3, 0] = float("nan")
    hop = ledger.compare("three", outputs, "one", FP32)
    assert (hop.max_abs, hop.max_rel, hop.ok) == (None, None, False)


def test_accuracy_is_that_of_the_whole_test_split(exported, removed, task):
    images, labels = task.load_test()
    with torch.no_grad():
        right = (removed(images).argmax(1) == labels).sum().item()
    assert exported.ledger.hops[1].accuracy_percent == pytest.approx(100 * right / 300)
    assert right > 280


def test_int8_loses_at_most_half_a_point(exported):
    fp32, _, int8, cpu = (hop.accuracy_percent for hop in exported.ledger.hops[2:])
    assert int8 >= fp32 - 0.5 - 1e-9
    assert cpu >= fp32 - 0.5 - 1e-9


def test_quantized_outputs_differ_from_fp32_so_they_are_really_quantized(exported):
    half, *quantized = exported.ledger.hops[3:]
    assert 1e-3 > half.max_rel > 1e-5
    for hop in quantized:
        assert hop.max_rel > 1e-3


def test_a_relative_error_above_the_tolerance_is_bad():
    ledger = Ledger(first_wins)
    ledger.start("a", logits([10, 1], [10, 2]))
    assert ledger.compare("b", logits([10, 1], [10, 2.0009]), "a", FP32).ok
    hop = ledger.compare("c", logits([10, 1], [10, 2.0011]), "a", FP32)
    assert not hop.ok
    assert ledger.first_bad == "c"
    assert hop.max_abs == pytest.approx(0.0011, rel=1e-3)
    assert hop.max_rel == pytest.approx(0.00011, rel=1e-3)


# 13 of 600 is a case in which the difference of the two percentages rounds to a little more than 0.5.
@pytest.mark.parametrize("right", [600, 13])
def test_a_loss_of_exactly_half_a_point_is_allowed_and_more_is_not(right):
    reference = logits(*[[1, 0]] * right, *[[0, 1]] * (600 - right))
    ledger = Ledger(first_wins)
    ledger.start("fp32", reference)
    for lost in (0, 3, 4):
        damaged = reference.clone()
        damaged[:lost] = logits([0, 1])
        ledger.compare(f"lost {lost}", damaged, "fp32", HALF_A_POINT)
    assert [hop.ok for hop in ledger.hops] == [True, True, True, False]
    assert ledger.hops[3].change_points == pytest.approx(-400 / 600)
    assert ledger.first_bad == "lost 4"


def test_outputs_that_are_not_numbers_are_bad_and_the_row_is_still_json():
    ledger = Ledger(first_wins)
    ledger.start("a", logits([1, 0]))
    assert not ledger.compare("b", logits([float("nan"), 0]), "a", HALF_A_POINT).ok
    assert json.loads(json.dumps(ledger.to_json(), allow_nan=False))[1]["max_abs"] is None


def test_a_damaged_onnx_file_is_named_and_no_bundle_stays(run, monkeypatch):
    write = bundle.to_onnx

    def write_damaged(*arguments):
        exporter = write(*arguments)
        damage(arguments[2], "fc2.weight", 1.01)
        return exporter

    monkeypatch.setattr(bundle, "to_onnx", write_damaged)
    before = tree(run.path)
    with pytest.raises(UserError, match=r"onnx fp32 against torch removed: max error .*allowed is relative 1e-04"):
        export_individual(run, OFFSPRING)
    assert tree(run.path) == before


def test_a_damaged_int8_file_is_kept_and_marked(run, monkeypatch):
    best = bundle.quantize_best

    def damaged(source, dialect, path, max_loss):
        found = best(source, dialect, path, max_loss)
        if dialect.key == "int8":
            damage(path, "images_scale", 0.02)
        return found

    monkeypatch.setattr(bundle, "quantize_best", damaged)
    written = export_individual(run, OFFSPRING, int8=True, samples=64)
    assert not written.ledger
    assert written.ledger.first_bad == "onnx int8"
    rows = json.loads((written.path / "manifest.json").read_text())["ledger"]
    assert [row["ok"] for row in rows] == [True, True, True, True, False, True]
    shutil.rmtree(written.path)


def test_the_last_hop_says_which_layers_tensorrt_runs_in_int8(exported):
    """All of LeNet-5: two convolutions and two products."""
    built = exported.ledger.built
    assert built.ok and (built.asked, built.in_int8, built.share, built.unused) == (4, 4, 1.0, ())
    assert exported.manifest["models"]["int8"]["built_by_tensorrt"] == built.to_json()
    assert exported.ledger.table().rows[-1][:2] == ["built by TensorRT", "onnx int8"]
    said = "runs 4 of the 4 layers that the INT8 file quantizes in INT8, 100.0% of the multiplications"
    assert built.sentence().endswith(said) and said in (exported.path / "README.md").read_text()
