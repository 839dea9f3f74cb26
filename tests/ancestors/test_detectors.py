import pytest
import torch

from edgesynth.ancestors import build_ancestor
from edgesynth.errors import UserError
from edgesynth.lineage import species
from edgesynth.tasks import load_task
from tests.tasks.scenes import write_voc


def weights(network):
    return sum(layer.weight.numel() for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))


def test_yolov2_has_darknet_s_convolutions():
    """yolov2-voc.cfg: 13 convolutions of Darknet-19 up to 26x26, 5 behind, 2 + 1 + 1 more, and the head of 125."""
    network = build_ancestor("yolov2", 20)
    convolutions = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == 23 and weights(network) == 50_634_592
    assert network.joined[0].in_channels == 1280 and network.head.out_channels == 125
    darknet_19 = [32, 64, 128, 64, 128, 256, 128, 256, 512, 256, 512, 256, 512, 1024, 512, 1024, 512, 1024]
    assert [layer.out_channels for layer in convolutions][:18] == darknet_19


def test_the_tiny_one_has_nine_convolutions_and_its_flat_pooling_looks_right_and_down():
    network = build_ancestor("tiny-yolov2", 20).eval()
    assert weights(network) == 15_855_536  # 16-32-64-128-256-512-1024-1024-125
    assert network(torch.zeros(1, 3, 96, 64)).shape == (1, 125, 3, 2)
    features = torch.arange(9.0).reshape(1, 1, 3, 3)
    pooled = network.flat_pool(features)[:, :, 1:, 1:]
    assert pooled[0, 0].tolist() == [[4, 5, 5], [7, 8, 8], [7, 8, 8]]


def test_the_passthrough_brings_every_pixel_of_the_finer_scale():
    torch.manual_seed(0)
    network = build_ancestor("yolov2", 1).eval()
    images = torch.randn(1, 3, 64, 64)
    joined = []
    network.joined.register_forward_pre_hook(lambda _, given: joined.append(given[0]))
    fine = []
    network.passthrough.register_forward_hook(lambda _m, _i, given: fine.append(given))
    with torch.no_grad():
        assert network(images).shape == (1, 30, 2, 2)
    assert joined[0].shape == (1, 1280, 2, 2)
    for place, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        assert torch.equal(joined[0][:, 64 * place : 64 * (place + 1)], fine[0][:, :, row::2, column::2])


def test_detectnet_has_googlenet_s_inceptions_at_stride_16():
    network = build_ancestor("detectnet", 3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 7, 4, 6)
    # GoogLeNet without its classifier, which has 1,024 x 1,000: 5,966,272; here 1,024 x (3 + 4).
    assert weights(network) == 5_966_272 + 1024 * 7


@pytest.mark.parametrize(("ancestor", "kept"), [("yolov2-small", {"head"}), ("detectnet-small", {"coverage", "boxes"})])
def test_every_group_but_the_output_can_be_cut(tmp_path, ancestor, kept):
    task = load_task(f"voc:{write_voc(tmp_path, 5)}", None, 32)
    anatomy = species(ancestor, task, 0).anatomy
    assert {group.name for group in anatomy.groups if not group.removable} == kept


def test_sizes_and_networks_that_do_not_fit_are_refused(tmp_path):
    task = load_task(f"voc:{write_voc(tmp_path, 5)}", None, 40)
    with pytest.raises(UserError, match="multiples of 32 and those of the task are 40x40; give --image-size 32"):
        species("tiny-yolov2", task, 0)
    task = load_task(f"voc:{tmp_path}", None, 64)
    with pytest.raises(UserError, match=r"gives \(2, 2\) .* it must give \(2, 35, 2, 2\)"):
        species("resnet20", task, 0)
