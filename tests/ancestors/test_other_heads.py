"""Weights that were trained for another number of classes."""

import pytest
import torch
from torch import nn

from edgesynth.ancestors import build_ancestor, read_weights
from edgesynth.errors import UserError


def fixed(outputs=3):
    """A network that is always of one form."""
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, outputs))


@pytest.mark.parametrize(
    ("ancestor", "there", "here", "heads", "told"),
    [
        ("squeezenet-cifar", 1000, 3, ["classifier.1"], "classifier.1 is of 1,000 classes there and of 3 here"),
        ("detectnet-small", 1, 3, ["coverage"], "coverage is of 1 class there and of 3 here, so it starts"),
        ("yolov2-small", 20, 3, ["head"], "head is of 20 classes there and of 3 here"),
        ("saliency-small", 2, 1, ["c9.1", "c11"], "c9.1, c11 are of 2 classes there and of 1 here, so they start"),
        (
            "lraspp-mobilenetv3-small",
            21,
            11,
            ["classifier.low_classifier", "classifier.high_classifier"],
            "classifier.low_classifier, classifier.high_classifier are of 21 classes there and of 11 here",
        ),
        ("torchvision.models.squeezenet:squeezenet1_1", 10, 2, ["classifier.1"], "of 10 classes there and of 2 here"),
    ],
)
def test_a_head_of_another_number_of_classes_starts_untrained_and_is_told_of(
    tmp_path, ancestor, there, here, heads, told
):
    trained, fresh = build_ancestor(ancestor, there), build_ancestor(ancestor, here)
    torch.save(trained.state_dict(), tmp_path / "weights.pth")
    state, untrained, note = read_weights(tmp_path / "weights.pth", fresh, ancestor)
    assert told in note and list(dict.fromkeys(name.rpartition(".")[0] for name in untrained)) == heads
    for name, tensor in state.items():
        assert torch.equal(tensor, (fresh if name in untrained else trained).state_dict()[name])


def test_files_of_torchvision_s_segmentation_fit_whatever_their_classes(tmp_path):
    name = "torchvision.models.segmentation:lraspp_mobilenet_v3_large"
    torch.save(build_ancestor(name, 21).state_dict(), tmp_path / "weights.pth")
    for ancestor in (name, "lraspp-mobilenetv3-large"):
        weights = read_weights(tmp_path / "weights.pth", build_ancestor(ancestor, 11), ancestor)
        assert len(weights.untrained) == 4 and "are of 21 classes there and of 11 here" in weights.note


def test_to_find_the_head_moves_no_draw_of_chance(tmp_path):
    torch.save(build_ancestor("lenet5", 26).state_dict(), tmp_path / "weights.pth")
    fresh = build_ancestor("lenet5", 3)
    before = torch.random.get_rng_state()
    assert read_weights(tmp_path / "weights.pth", fresh, "lenet5").untrained == ("fc2.weight", "fc2.bias")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_of_a_network_that_takes_no_number_of_classes_the_last_layer_is_the_head_and_its_rows_are_outputs(tmp_path):
    torch.save(fixed(5).state_dict(), tmp_path / "weights.pth")
    for ancestor in ("", f"{__name__}:fixed"):
        weights = read_weights(tmp_path / "weights.pth", fixed(), ancestor)
        assert weights.untrained == ("3.weight", "3.bias") and "3 is of 5 outputs there and of 3 here" in weights.note


@pytest.mark.parametrize(
    ("ancestor", "name", "shape", "line"),
    [
        ("", "3.weight", (3, 20), "3.weight 3x16 3x20"),
        # 41 rows are five times 5 and the classes for none
        ("yolov2-small", "head.weight", (41, 96, 1, 1), "head.weight 40x96x1x1 41x96x1x1"),
        ("saliency-small", "c11.bias", (2,), "c11.bias 1 2"),
        ("detectnet-small", "boxes.bias", (5,), "boxes.bias 4 5"),
    ],
)
def test_a_head_that_differs_in_more_than_its_classes_is_refused(tmp_path, ancestor, name, shape, line):
    model = build_ancestor(ancestor, 1 if "saliency" in ancestor else 3) if ancestor else fixed()
    torch.save({**model.state_dict(), name: torch.zeros(shape)}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="1 is of another shape") as refusal:
        read_weights(tmp_path / "weights.pth", model, ancestor)
    assert line in " ".join(str(refusal.value).split())


def test_heads_that_are_for_different_numbers_of_classes_are_refused(tmp_path):
    odd = build_ancestor("saliency-small", 2).state_dict()
    odd.update({"c11.weight": torch.zeros(4, 32, 1, 1), "c11.bias": torch.zeros(4)})
    torch.save(odd, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="4 are of another shape"):
        read_weights(tmp_path / "weights.pth", build_ancestor("saliency-small", 1), "saliency-small")
