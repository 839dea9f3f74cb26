"""The shape of every tensor of an ONNX file, at a batch of one unless the file fixes another."""

from typing import Any, Dict, Set, Tuple

from edgesynth.errors import UserError


def load_graph(path: str) -> Any:
    """Read an ONNX file without the weights that lie beside it.

    Raises:
        UserError: it cannot be read, is no ONNX file, or onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(
            "predicting from {} needs onnx, which is not installed: pip install onnx".format(path)
        ) from None
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, ValueError) as error:
        raise UserError("{} cannot be read: {}".format(path, error)) from None
    except Exception as error:  # protobuf's own, whose class depends on its build
        raise UserError("{} is no ONNX file ({}); give one that was exported".format(path, error)) from None
    if not model.graph.node:
        raise UserError("{} holds no ONNX graph; give a file that was exported".format(path))
    return model


def shapes_of(model: Any, name: str) -> Tuple[Dict[str, Tuple[int, ...]], Set[str], int]:
    """Shapes of all tensors, the names of stored ones, and the batch that the shapes are for: one unless it is fixed.

    Large weights are replaced by inputs of their shape: inference then neither copies nor reads them.

    Raises:
        UserError: an input's height, width or channels are free, or the operators do not fit together.
    """
    from onnx import ModelProto, helper, shape_inference

    bare = ModelProto()
    bare.ir_version = max(model.ir_version, 4)
    bare.opset_import.extend(model.opset_import)
    bare.graph.name = model.graph.name or "graph"
    bare.graph.node.extend(model.graph.node)
    constants = set()
    images = 1
    for tensor in model.graph.initializer:
        constants.add(tensor.name)
        if _count(tensor.dims) <= 64 and not tensor.external_data:
            bare.graph.initializer.append(tensor)
        else:
            bare.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for value in model.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        lengths = [entry.dim_value if entry.HasField("dim_value") else None for entry in kind.shape.dim]
        if lengths:
            lengths[0] = images = lengths[0] or 1
        if not lengths or any(length is None or length < 1 for length in lengths):
            free = [entry.dim_param or entry.dim_value for entry in kind.shape.dim]
            raise UserError(
                "{}: input {} has the shape {}; only the batch may be free: export with a fixed height and "
                "width".format(name, value.name, free)
            )
        bare.graph.input.append(helper.make_tensor_value_info(value.name, kind.elem_type, lengths))
    for value in model.graph.output:
        bare.graph.output.append(helper.make_empty_tensor_value_info(value.name))
    try:
        inferred = shape_inference.infer_shapes(bare, data_prop=True).graph
    except Exception as error:
        raise UserError("{}: shapes cannot be inferred: {}".format(name, " ".join(str(error).split()))) from None
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in list(inferred.value_info) + list(inferred.input) + list(inferred.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(entry.HasField("dim_value") for entry in dims):
            shapes[value.name] = tuple(entry.dim_value for entry in dims)
    return shapes, constants, images


def _count(lengths: Any) -> int:
    count = 1
    for length in lengths:
        count *= length
    return count
