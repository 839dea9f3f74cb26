"""The networks of the zoo as ONNX files: those of the export zoo, cut to half, and others of torchvision, whole."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.anatomy_zoo.networks import BACKBONES, build, example
from benchmarks.anatomy_zoo.ours import halves
from benchmarks.export_zoo.run import NETWORKS as HALVED
from edgesynth.anatomy import prove_groups, remove, trace
from edgesynth.export import to_onnx
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.half.half import to_half
from edgesynth.export.int8.dialects import DIALECTS
from edgesynth.export.int8.int8 import quantize
from edgesynth.lineage.storage.files import write_json

WHOLE = (
    "detection/ssd300_vgg16",
    "detection/ssdlite320_mobilenet_v3_large",
    "detection/mobilenet_v3_large_fpn",
    "detection/resnet50_fpn",
    "segmentation/lraspp_mobilenet_v3_large",
    "segmentation/deeplabv3_mobilenet_v3_large",
    "segmentation/deeplabv3_resnet50",
    "segmentation/fcn_resnet50",
    "swin_t",
    "swin_v2_t",
    "maxvit_t",
)
NETWORKS = (*HALVED, *WHOLE)
FORMS = ("fp32", "fp16", *(dialect.key for dialect in DIALECTS))
CALIBRATION = 4  # images: no verdict hangs on a scale
METHOD = "minmax"
_DONE = "written.json"


class Features(nn.Module):
    """The feature maps of a detector's backbone in one tensor."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, values of all maps)."""
        maps = self.backbone(images)
        return torch.cat([each.flatten(1) for each in maps.values()], 1) if isinstance(maps, dict) else maps


def files_of(name: str, folder: Path) -> dict[str, Path]:
    """Every form of a network, written if it is not there yet.

    Args:
        name: of `NETWORKS`.
        folder: its own.
    """
    files = {"fp32": folder / "model.onnx", "fp16": folder / "model.fp16.onnx"}
    files |= {dialect.key: folder / dialect.file for dialect in DIALECTS}
    if not (folder / _DONE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)
        shape = tuple(example(name).shape[1:])
        to_onnx(_network(name), shape, files["fp32"])
        to_half(files["fp32"], files["fp16"])
        bounds = bounds_of(observe(files["fp32"], example(name, CALIBRATION)), METHOD)
        for dialect in DIALECTS:
            quantize(files["fp32"], dialect, bounds, files[dialect.key])
        write_json(folder / _DONE, {"forms": list(files)})
    return files


def _network(name: str) -> nn.Module:
    model, images = build(name), example(name, 2)
    if name in BACKBONES:
        return Features(model)
    if name not in HALVED:
        return model
    anatomy = prove_groups(model, trace(model, (images,)), (images,))
    return remove(model, anatomy.plan(halves(anatomy))).to(memory_format=torch.channels_last)
