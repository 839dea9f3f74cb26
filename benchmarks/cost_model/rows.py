"""Published latencies and power of TensorRT on Jetson boards, with their sources, and which rows fit what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DIVIDITI = "dividiti/ck-caffe-nvidia-tx1, TensorRT 1.0 EA"
NVIDIA = "NVIDIA, Jetson TX2 Delivers Twice the Intelligence to the Edge (recalled), TensorRT 1.0 to 2.1"
SLIM = "NVIDIA-AI-IOT/tf_to_trt_image_classification, TensorRT 3"
TKDNN = "ceccocats/tkDNN, TensorRT 5.0.6 on the TX2, 7.1 on the Nano"
KENTAROY = "kentaroy47/benchmark-FP32-FP16-INT8-with-TensorRT"
JKJUNG = "jkjung-avt/tensorrt_demos"
PAGE = "NVIDIA, Jetson benchmarks page (recalled, low confidence), TensorRT 5 or later"


@dataclass(frozen=True)
class Row:
    """One published figure.

    Attributes:
        source: who published it, and the TensorRT.
        network: of `cost_model_networks.NETWORKS`.
        board, mode: of the table of boards.
        precision, batch: of the call.
        latency_ms: of one call.
        watts: power of the processor and its memory; None where it was not published.
    """

    source: str
    network: str
    board: str
    mode: str
    precision: str
    batch: int
    latency_ms: float
    watts: float | None = None

    @property
    def architecture(self) -> str:
        """The network whatever the size of its images: what a split must keep together."""
        return self.network.partition("_")[0] if self.network.startswith("yolov4") else self.network


# TX1 at its highest clocks, ms per batch of 2, 4, ..., 16.
_TX1 = {
    ("alexnet", "fp16"): (12.70, 16.01, 26.71, 30.97, 34.70, 39.57, 43.45, 47.55),
    ("alexnet", "fp32"): (23.44, 28.31, 40.15, 52.14, 63.38, 72.05, 79.28, 103.94),
    ("googlenet", "fp16"): (14.55, 24.21, 34.09, 43.89, 52.23, 64.27, 74.01, 83.67),
    ("googlenet", "fp32"): (24.72, 46.13, 68.29, 89.14, 108.69, 132.86, 153.81, 176.56),
    ("squeezenet1_0", "fp16"): (8.73, 15.92, 23.18, 30.18, 37.29, 44.69, 52.03, 58.77),
    ("squeezenet1_0", "fp32"): (15.74, 30.47, 45.06, 59.94, 75.04, 89.77, 104.22, 119.24),
    ("squeezenet1_1", "fp16"): (5.40, 9.01, 12.31, 15.88, 19.02, 23.03, 26.30, 30.17),
    ("squeezenet1_1", "fp32"): (8.22, 15.32, 22.17, 29.26, 36.36, 43.00, 49.77, 57.56),
}
# TX2, batch 1 with copies, ms at FP16 and FP32.
_TX2 = {
    "inception_v1": (7.98, 12.8),
    "inception_v3": (26.3, 46.1),
    "inception_v4": (52.1, 88.2),
    "resnet_v1_50": (15.7, 27.1),
    "resnet_v1_101": (29.9, 51.8),
    "resnet_v1_152": (42.6, 78.2),
    "mobilenet_v1_1.0_224": (12.9, 12.9),
    "mobilenet_v1_0.5_160": (3.95, 4.00),
    "mobilenet_v1_0.25_128": (2.67, 2.65),
    "vgg16": (38.2, 79.2),
}
# FP16, images/s and watts at each of the modes.
_MODES = (("tx1", "MAXN"), ("tx2", "MAXQ"), ("tx2", "MAXP_CORE_ALL"), ("tx2", "MAXN"))
_POWER = {
    ("googlenet", 2): ((141, 9.14), (138, 4.8), (176, 7.1), (201, 10.1)),
    ("googlenet", 128): ((204, 11.7), (196, 5.9), (253, 8.9), (290, 12.8)),
    ("alexnet", 2): ((164, 8.5), (178, 5.6), (222, 7.8), (250, 10.7)),
    ("alexnet", 128): ((505, 11.3), (463, 5.6), (601, 8.6), (692, 12.4)),
}
# Images/s at FP32 with batches of 1 and 4, and at FP16.
_YOLO_CALLS = (("fp32", 1), ("fp32", 4), ("fp16", 1), ("fp16", 4))
_YOLO = {
    ("tx2", "yolov4_320"): (11.18, 12.07, 15.32, 16.31),
    ("tx2", "yolov4_416"): (7.30, 7.58, 9.45, 9.90),
    ("tx2", "yolov4_512"): (5.96, 5.95, 7.22, 7.23),
    ("tx2", "yolov4_608"): (3.63, 3.65, 4.67, 4.70),
    ("nano", "yolov4_320"): (4.23, 4.55, 6.14, 6.53),
    ("nano", "yolov4_416"): (2.88, 3.00, 3.90, 4.04),
    ("nano", "yolov4_608"): (1.40, 1.41, 1.92, 1.93),
}

LEFT_OUT = (
    "TX2, NVIDIA's benchmarks page: super resolution, U-Net, OpenPose, tiny-YOLOv3, ResNet-50, SSD-MobileNet-v1 "
    "(6 rows: the files that were measured cannot be had)",
    "TX2, YOLOv4-tiny at 320 in tkDNN (1 row)",
    "Nano, SSD-MobileNet v1 and v2 in tensorrt_demos (2 rows, with their own pre- and postprocessing)",
    "all rows of Caffe, cuDNN and Darknet, which fuse nothing (TX1, TX2)",
)


def fitted_rows() -> list[Row]:
    """The rows of TX1 and TX2 that are split into a half that is fitted and a half that is held out."""
    return [*_tx1(), *_tx2(), *_power(), *_yolo("tx2")]


def check_rows() -> list[Row]:
    """Rows that are never fitted: the Nano, whose GPU is half a TX1, and later releases of TensorRT."""
    nano = {"resnet18_256": (26, 18), "resnet34_256": (48, 30), "resnet50_256": (79, 42)}
    return [
        *_yolo("nano"),
        *(
            Row(KENTAROY, name, "nano", "MAXN", precision, 1, float(ms))
            for name, both in nano.items()
            for precision, ms in zip(("fp32", "fp16"), both, strict=True)
        ),
        Row(JKJUNG, "googlenet", "nano", "MAXN", "fp16", 1, 16.0),
        *(
            Row(PAGE, name, board, mode, "fp16", 1, 1e3 / rate)
            for name, rates in {"inception_v4": (11, 24), "vgg19": (10, 23)}.items()
            for (board, mode), rate in zip((("nano", "MAXN"), ("tx2", "MAXP_CORE_ARM")), rates, strict=True)
        ),
    ]


def _tx1() -> Iterator[Row]:
    for (network, precision), latencies in _TX1.items():
        for batch, ms in zip(range(2, 17, 2), latencies, strict=True):
            yield Row(DIVIDITI, network, "tx1", "MAXN", precision, batch, ms)


def _tx2() -> Iterator[Row]:
    for network, both in _TX2.items():
        for precision, ms in zip(("fp16", "fp32"), both, strict=True):
            yield Row(SLIM, network, "tx2", "MAXN", precision, 1, ms)


def _power() -> Iterator[Row]:
    for (network, batch), figures in _POWER.items():
        for (board, mode), (rate, watts) in zip(_MODES, figures, strict=True):
            yield Row(NVIDIA, network, board, mode, "fp16", batch, 1e3 * batch / rate, watts)


def _yolo(wanted: str) -> Iterator[Row]:
    for (board, network), rates in _YOLO.items():
        for (precision, batch), rate in zip(_YOLO_CALLS, rates, strict=True):
            if board == wanted:
                yield Row(TKDNN, network, board, "MAXN", precision, batch, 1e3 * batch / rate)
