"""Runtime, engine, context, inspector: a plan is loaded by what built it, and run by ONNX Runtime."""

import json
import os
import weakref

import numpy as np
import onnxruntime
import standin_device as cuda

from edgesynth.files.protobuf import fields_of, text
from tensorrt._building import depends, fail, no_memory
from tensorrt._strict import NUMBERS, VERSION, Strict, member

_GRAPH, _NODE, _NAME, _OP = 7, 1, 3, 4  # field numbers of onnx.proto
# Times the bytes of the images, for what lies between the layers.
_RUN_NEEDS = 8
_ROUGH = {"tensor(float)": ("FLOAT", np.float32), "tensor(float16)": ("HALF", np.float16)}
_TOLD = {
    "FP32": ("Row major linear FP32", "Float"),
    "FP16": ("Two wide channel vectorized row major FP16 format", "Half"),
    "INT8": ("Four wide channel vectorized row major Int8 format", "Int8"),
}


class IProfiler:
    def __init__(self):
        self._ready = True

    def report_layer_time(self, layer_name, ms):
        raise NotImplementedError("a profiler of one's own has a method report_layer_time")


class Runtime(Strict):
    def __init__(self, logger):
        depends(self, logger)
        self._logger = logger

    def deserialize_cuda_engine(self, plan):
        header, _, model = bytes(plan).partition(b"\n")
        facts = json.loads(header.decode())
        if (facts["tensorrt"], facts["gpu"]) != (VERSION, os.environ["STANDIN_GPU"]):
            fail(self._logger, "6: The engine plan file is not compatible with this version of TensorRT or this GPU")
            return None
        return ICudaEngine(self._logger, facts, model)


class ICudaEngine(Strict):
    def __init__(self, logger, facts, model):
        depends(self, logger)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self._logger, self._facts = logger, facts
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tensors = list(self._session.get_inputs()) + list(self._session.get_outputs())
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._layer_names = layer_names(model)
        self._contexts = weakref.WeakSet()

    def _of(self, name):
        (one,) = [one for one in self._tensors if one.name == name]
        return one

    def _shape(self, one):
        return tuple(size if isinstance(size, int) else -1 for size in one.shape)

    @property
    def num_bindings(self):
        return len(self._tensors)

    def get_binding_name(self, number):
        return self._tensors[number].name

    def binding_is_input(self, number):
        return self._tensors[number].name in self._inputs

    def get_binding_dtype(self, number):
        return member("DataType", _ROUGH[self._tensors[number].type][0])

    def get_binding_shape(self, number):
        return self._shape(self._tensors[number])

    @property
    def num_io_tensors(self):
        return len(self._tensors)

    def get_tensor_name(self, number):
        return self._tensors[number].name

    def get_tensor_mode(self, name):
        return member("TensorIOMode", "INPUT" if name in self._inputs else "OUTPUT")

    def get_tensor_dtype(self, name):
        return member("DataType", _ROUGH[self._of(name).type][0])

    def get_tensor_shape(self, name):
        return self._shape(self._of(name))

    def create_execution_context(self):
        shape = self._shape(self._of(self._inputs[0]))
        if -1 in shape:
            shape = self._facts["profiles"][0][self._inputs[0]][1]
        size = _RUN_NEEDS * 4 * int(np.prod(shape))
        try:
            return IExecutionContext(self, cuda.mem_alloc(size))
        except cuda.MemoryError:
            no_memory(self._logger, "executionContext.cpp::ExecutionContext::470", size)
            return None

    def create_engine_inspector(self):
        return EngineInspector(self)


class IExecutionContext(Strict):
    profiler = None
    _uses_profile = False

    def __init__(self, engine, memory):
        depends(self, engine._logger)
        self._engine, self._memory = engine, memory
        self._shapes = {one.name: engine._shape(one) for one in engine._tensors}
        self._addresses = {}
        self._has_run = False
        engine._contexts.add(self)

    @property
    def all_binding_shapes_specified(self):
        return all(-1 not in self._shapes[name] for name in self._engine._inputs)

    def set_binding_shape(self, number, shape):
        return self._fix(self._engine._tensors[number].name, shape)

    def set_input_shape(self, name, shape):
        return self._fix(name, shape)

    def get_binding_shape(self, number):
        return self._shapes[self._engine._tensors[number].name]

    def get_tensor_shape(self, name):
        return self._shapes[name]

    def set_tensor_address(self, name, address):
        self._addresses[name] = address

    def execute_async_v2(self, bindings, stream_handle):
        if len(bindings) != len(self._engine._tensors):
            return self._refuse(f"Parameter check failed: {len(bindings)} bindings were given")
        return self._enqueue(dict(zip([one.name for one in self._engine._tensors], bindings)), stream_handle)

    def execute_async_v3(self, stream_handle):
        missing = [one.name for one in self._engine._tensors if one.name not in self._addresses]
        if missing:
            return self._refuse(f"Address is not set for tensor {missing[0]}")
        return self._enqueue(dict(self._addresses), stream_handle)

    def _fix(self, name, shape):
        declared = self._engine._shape(self._engine._of(name))
        fits = len(shape) == len(declared) and all(size in (-1, given) for size, given in zip(declared, shape))
        if -1 in declared:
            ((least, most),) = [profile[name] for profile in self._engine._facts["profiles"]]
            fits = fits and all(low <= given <= high for low, given, high in zip(least, shape, most))
            if NUMBERS < (10,) and any(other is not self and other._uses_profile for other in self._engine._contexts):
                return self._refuse("Profile 0 has been chosen by another IExecutionContext. Use another profileIndex")
            self._uses_profile = True
        if not fits:
            return self._refuse(f"Parameter check failed: {list(shape)} is outside of the profile")
        self._shapes[name] = tuple(shape)
        for one, found in zip(self._engine._session.get_outputs(), self._compute(np.zeros(shape, np.float32))):
            self._shapes[one.name] = found.shape
        return True

    def _enqueue(self, addresses, stream_handle):
        if not self.all_binding_shapes_specified:
            return self._refuse("Parameter check failed: not all shapes are specified")
        stream = cuda._streams[stream_handle]
        if stream.captured is not None and (not self._has_run or os.environ.get("STANDIN_CAPTURE") == "no"):
            stream.captured.append(None)
            return self._refuse("1: Cuda Runtime (operation not permitted when stream is capturing)")
        held = {address: bytes(cuda._memory[address]) for address in addresses.values() if address in cuda._managed}
        if stream.captured is not None:
            held = {}
        stream.push(lambda: self._run(addresses, held))
        return True

    def _run(self, addresses, held):
        for address, content in held.items():
            if bytes(cuda._memory[address]) != content:
                os.write(2, b"segmentation fault: the CPU wrote managed memory while the GPU had it\n")
                os._exit(139)
        self._has_run = True
        (name,) = self._engine._inputs
        shape, kind = self._shapes[name], _ROUGH[self._engine._of(name).type][1]
        images = cuda._memory[addresses[name]].view(kind).reshape(shape)
        for one, found in zip(self._engine._session.get_outputs(), self._compute(images)):
            cuda._memory[addresses[one.name]][:] = np.ascontiguousarray(found).reshape(-1).view(np.uint8)
        if self.profiler is not None:
            if not getattr(self.profiler, "_ready", False):
                raise SystemError("segmentation fault: IProfiler.__init__ was not called")
            for number, layer in enumerate(self._engine._layer_names):
                self.profiler.report_layer_time(layer, 0.1 * (number + 1))

    def _compute(self, images):
        facts = self._engine._facts
        half = facts["precision"] == "FP16" and NUMBERS < (11,)
        if half:
            images = images.astype(np.float16).astype(np.float32)
        if facts["input_scale"] is not None:
            scale = np.float32(facts["input_scale"])
            images = np.clip(np.rint(images / scale), -128, 127).astype(np.float32) * scale
        found = self._engine._session.run(None, {self._engine._inputs[0]: images})
        return [one.astype(np.float16).astype(np.float32) if half else one for one in found]

    def _refuse(self, message):
        fail(self._engine._logger, message)
        return False


def layer_names(model):
    """What TensorRT calls its layers: an activation is fused with the layer before it, and the input is reformatted.

    A layer's time is played as 0.1 ms times its place.
    """
    (graph,) = [value for number, value in fields_of(memoryview(model)) if number == _GRAPH]
    names = []
    for number, content in fields_of(graph):
        if number != _NODE:
            continue
        node = dict(fields_of(content))
        name, op = text(node.get(_NAME)), text(node.get(_OP))
        if not names:
            names.append(f"Reformatting CopyNode for Input Tensor 0 to {name}")
        if op in ("Relu", "Clip") and len(names) > 1:
            names[-1] += f" + {name}"
        else:
            names.append(name)
    return names


class EngineInspector(Strict):
    execution_context = None

    def __init__(self, engine):
        self._engine = engine

    def get_engine_information(self, form):
        if form.name != "JSON":
            raise NotImplementedError("the stand-in tells in JSON alone")
        facts = self._engine._facts
        if not facts["detailed"]:
            return json.dumps({"Layers": ["conv", "fc"], "Bindings": []})
        kinds = [("Reformat", "FP32")]
        if facts["products"] is not None:
            kinds += [("CaskConvolution", precision) for precision in facts["products"]]
        else:
            kinds += [("CaskConvolution", facts["precision"]), ("CaskGemmConvolution", facts["precision"])]
            kinds += [("CaskPointWise", "FP32") for computes, _ in facts["kept"].values() if computes]
        layers = [{"Name": kind, "LayerType": kind, "Inputs": [_told(name)]} for kind, name in kinds]
        return json.dumps({"Layers": layers, "Bindings": []})


def _told(precision):
    told = _TOLD[precision][NUMBERS >= (10,)]
    if NUMBERS >= (11,):
        return {"Name": "x", "Dimensions": [1], "Datatype": told, "Format": "N:C:H:W"}
    return {"Name": "x", "Dimensions": [1], "Format/Datatype": told}
