"""Detections: a detector's file whose graph decodes and suppresses boxes, so that it gives boxes and not a grid.

The third form of what `edgesynth.tasks.detection` does in torch and `edgesynth.metrics.boxes` in numpy: of the surest
candidates, ONNX's NonMaxSuppression, class by class. All shapes but that of its result depend on the batch alone.

How many rows NonMaxSuppression gives depends on the image in ONNX Runtime and since TensorRT 8.5; before, TensorRT has
a plugin for it that repeats its last row up to a fixed number (EfficientNMS_ONNX_TRT). So its rows only mark candidates
(ScatterND of ones: a mark may be set twice), and the surest of those that are marked are the answer: of one size, in
order, under all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgesynth.errors import UserError
from edgesynth.export.onnx.exporters import OUTPUT
from edgesynth.export.onnx.onnx_file import data_file, read_checked, save
from edgesynth.metrics.boxes import MOST_LOG
from edgesynth.tasks import Detection, Task

if TYPE_CHECKING:
    import onnx

DETECTIONS, FORM = "detections", "detections"
COLUMNS = 6  # class, score, left, top, right, bottom
NO_ROW = (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
PREFIX = "decode/"


def check_decodes(task: Task) -> None:
    """Refuse a task whose outputs are no grid of boxes.

    Raises:
        UserError: see above.
    """
    if not isinstance(task, Detection):
        raise UserError(
            f"--nms-in-graph is for detectors (tasks voc, kitti and coco), and the task {task.name} answers with "
            f"{task.decoding['form']}; leave it out"
        )


def decoding_in_graph(decoding: Mapping[str, Any], grid: tuple[int, ...]) -> dict[str, Any]:
    """The manifest's `output.decoding` of a file that decodes by itself.

    Args:
        decoding: of the grid, of the form `boxes`.
        grid: (channels, h, w) of the network's output.

    Returns:
        The same of the form `detections`, with `rows`: how many an image has; and the tensor and shape of the grid,
        which is still there within the file.
    """
    places = grid[1] * grid[2] * (len(decoding["anchors"]) if decoding["head"] == "yolov2" else 1)
    candidates = min(decoding["candidates"], places * decoding["classes"])
    return {
        **decoding,
        "form": FORM,
        "rows": min(decoding["most"], candidates),
        "candidates": candidates,
        "grid": OUTPUT,
        "grid_shape": list(grid),
    }


def decode_in_graph(path: Path, decoding: Mapping[str, Any]) -> None:
    """Let a file decode its own output: `logits` (N, channels, h, w) becomes `detections` (N, rows, 6), float32.

    A row is class, score, left, top, right, bottom, the corners in shares of the image, the surest first; the rows that
    are left over are of class -1.

    Args:
        path: an ONNX file whose output is the grid, of any precision; written anew.
        decoding: from `decoding_in_graph`.

    Raises:
        UserError: its weights lie in a file of their own.
    """
    import onnx
    from onnx import helper

    if data_file(path) is not None:
        raise UserError(
            f"the weights of {path.name} lie in a file beside it, and decoding is put into files that have theirs "
            "inside (2 GiB at most); export without --nms-in-graph"
        )
    model = onnx.load(str(path))
    (output,) = model.graph.output
    batch = output.type.tensor_type.shape.dim[0]
    nodes = _Nodes(model.graph)
    corners, scores = HEADS[decoding["head"]](nodes, decoding)
    nodes.add("Identity", [_suppressed(nodes, corners, scores, decoding)], DETECTIONS)
    shape = [batch.dim_value or batch.dim_param, decoding["rows"], COLUMNS]
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(DETECTIONS, onnx.TensorProto.FLOAT, shape))
    save(model, path)
    read_checked(path)


class _Nodes:
    """Nodes and constants that are added to a graph, in order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._count = 0

    def constant(self, values: Any, kind: type = np.float32) -> str:
        """A stored tensor."""
        from onnx import numpy_helper

        name = self._name("constant")
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """A node of one output."""
        return self.several(op, inputs, [output or self._name(op)], **attributes)[0]

    def several(self, op: str, inputs: list[str], outputs: list[str] | int, **attributes: Any) -> list[str]:
        """A node of several outputs, given their names or how many there are."""
        from onnx import helper

        names = [self._name(op) for _ in range(outputs)] if isinstance(outputs, int) else outputs
        self._graph.node.append(helper.make_node(op, inputs, names, self._name(f"{op}_node"), **attributes))
        return names

    def reshaped(self, tensor: str, *sizes: int) -> str:
        """Another shape; a size of 0 stays what it was."""
        return self.add("Reshape", [tensor, self.constant(sizes, np.int64)])

    def split(self, tensor: str, *sizes: int) -> list[str]:
        """Parts along axis 2."""
        return self.several("Split", [tensor, self.constant(sizes, np.int64)], len(sizes), axis=2)

    def repeated(self, tensor: str, count: int) -> str:
        """(N, K, count) of (N, K)."""
        column = self.add("Unsqueeze", [tensor, self.constant([2], np.int64)])
        return self.add("Concat", [column] * count, axis=2)

    def clipped(self, tensor: str, low: float, high: float) -> str:
        """Within bounds."""
        return self.add("Clip", [tensor, self.constant(low), self.constant(high)])

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{PREFIX}{what}_{self._count}"


def _yolov2(nodes: _Nodes, decoding: Mapping[str, Any]) -> tuple[str, str]:
    """Corners (N, P, 4) and scores (N, P, C), P = A h w: anchor by anchor, row by row."""
    _, height, width = decoding["grid_shape"]
    anchors, classes = np.array(decoding["anchors"], np.float32), decoding["classes"]
    cells = nodes.reshaped(OUTPUT, 0, len(anchors), 5 + classes, height * width)
    cells = nodes.reshaped(nodes.add("Transpose", [cells], perm=[0, 1, 3, 2]), 0, -1, 5 + classes)
    place, size, objectness, shares = nodes.split(cells, 2, 2, 1, classes)
    grid = np.tile(_grid(height, width), (len(anchors), 1))
    place = nodes.add("Add", [nodes.add("Sigmoid", [place]), nodes.constant(grid)])
    center = nodes.add("Div", [place, nodes.constant([width, height])])
    size = nodes.add("Exp", [nodes.clipped(size, -MOST_LOG, MOST_LOG)])
    size = nodes.add("Mul", [size, nodes.constant(np.repeat(anchors, height * width, axis=0))])
    half = nodes.add("Div", [size, nodes.constant(2)])
    corners = nodes.add("Concat", [nodes.add("Sub", [center, half]), nodes.add("Add", [center, half])], axis=2)
    shares = nodes.add("Softmax", [shares], axis=2)
    return corners, nodes.add("Mul", [nodes.add("Sigmoid", [objectness]), shares])


def _detectnet(nodes: _Nodes, decoding: Mapping[str, Any]) -> tuple[str, str]:
    """Corners (N, P, 4) and scores (N, P, C), P = h w, row by row."""
    channels, height, width = decoding["grid_shape"]
    cells = nodes.add("Transpose", [nodes.reshaped(OUTPUT, 0, channels, height * width)], perm=[0, 2, 1])
    coverage, distances = nodes.split(cells, channels - 4, 4)
    centers = np.tile(_grid(height, width) + 0.5, (1, 2))
    corners = nodes.add("Add", [distances, nodes.constant(centers)])
    corners = nodes.add("Div", [corners, nodes.constant([width, height] * 2)])
    return corners, nodes.add("Sigmoid", [coverage])


def _grid(height: int, width: int) -> np.ndarray:
    """(h w, 2): column and row of each cell."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return np.stack([columns, rows], axis=-1).reshape(-1, 2)


def _suppressed(nodes: _Nodes, corners: str, scores: str, decoding: Mapping[str, Any]) -> str:
    """(N, rows, 6) of corners (N, P, 4) and scores (N, P, C)."""
    classes, candidates, rows = decoding["classes"], decoding["candidates"], decoding["rows"]
    flat = nodes.reshaped(scores, 0, -1)
    sure, chosen = nodes.several("TopK", [flat, nodes.constant([candidates], np.int64)], 2, axis=1)
    count = nodes.constant(classes, np.int64)
    place = nodes.add("Div", [chosen, count])
    kind = nodes.add("Sub", [chosen, nodes.add("Mul", [place, count])])
    boxes = nodes.add("GatherElements", [corners, nodes.repeated(place, 4)], axis=1)
    boxes = nodes.clipped(boxes, 0, 1)
    sound = nodes.add("And", [_has_area(nodes, boxes), _at_least(nodes, sure, decoding["min_score"])])
    sure = nodes.add("Where", [sound, sure, nodes.constant(0)])
    marked = nodes.add("Mul", [sure, _survivors(nodes, boxes, sure, kind, decoding)])
    best, order = nodes.several("TopK", [marked, nodes.constant([rows], np.int64)], 2, axis=1)
    columns = [
        nodes.add("Unsqueeze", [column, nodes.constant([2], np.int64)])
        for column in (nodes.add("Cast", [kind], to=_FLOAT), sure, best)
    ]
    table = nodes.add("Concat", [*columns[:2], boxes], axis=2)
    table = nodes.add("GatherElements", [table, nodes.repeated(order, COLUMNS)], axis=1)
    alive = nodes.add("Greater", [columns[2], nodes.constant(0)])
    return nodes.add("Where", [alive, table, nodes.constant(NO_ROW)])


def _has_area(nodes: _Nodes, boxes: str) -> str:
    """(N, K) whether a box has an area: DetectNet's distances may put right before left or bottom above top."""
    low, high = nodes.split(boxes, 2, 2)
    width, height = nodes.split(nodes.add("Sub", [high, low]), 1, 1)
    least = nodes.add("Squeeze", [nodes.add("Min", [width, height]), nodes.constant([2], np.int64)])
    return nodes.add("Greater", [least, nodes.constant(0)])


def _at_least(nodes: _Nodes, scores: str, least: float) -> str:
    return nodes.add("Not", [nodes.add("Less", [scores, nodes.constant(least)])])


def _survivors(nodes: _Nodes, boxes: str, sure: str, kind: str, decoding: Mapping[str, Any]) -> str:
    """(N, K): 1 for candidates that no surer one of their class suppresses, else 0.

    Args:
        nodes: the graph.
        boxes: (N, K, 4).
        sure: (N, K); 0 for those that do not count.
        kind: (N, K), int64: each candidate's class. In all others it has no score.
        decoding: the limits.
    """
    numbers = nodes.constant(np.arange(decoding["classes"])[None, :, None], np.int64)
    axis = nodes.constant([1], np.int64)
    mine = nodes.add("Equal", [nodes.add("Unsqueeze", [kind, axis]), numbers])
    of_class = nodes.add("Where", [mine, nodes.add("Unsqueeze", [sure, axis]), nodes.constant(0)])
    limits = [
        nodes.constant([decoding["candidates"]], np.int64),
        nodes.constant([decoding["max_iou"]]),
        # Runtimes differ in whether a score must be above it or may be equal: no score lies here.
        nodes.constant([decoding["min_score"] / 2]),
    ]
    selected = nodes.add("NonMaxSuppression", [boxes, of_class, *limits])
    images_and_places = nodes.add("Gather", [selected, nodes.constant([0, 2], np.int64)], axis=1)
    images = nodes.add("Gather", [selected, nodes.constant(0, np.int64)], axis=1)
    nothing = nodes.add("Mul", [nodes.add("Cast", [images], to=_FLOAT), nodes.constant(0)])
    ones = nodes.add("Add", [nothing, nodes.constant(1)])
    unmarked = nodes.add("Mul", [sure, nodes.constant(0)])
    return nodes.add("ScatterND", [unmarked, images_and_places, ones])


_FLOAT = 1  # onnx.TensorProto.FLOAT
HEADS = {"yolov2": _yolov2, "detectnet": _detectnet}
