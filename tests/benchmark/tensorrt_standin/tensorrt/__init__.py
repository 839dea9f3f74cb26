"""A stand-in for TensorRT $STANDIN_TENSORRT: the names of that version and no other, its refusals, real outputs.

Names are those of the public bindings (`names.json`); a name that is not in the version is an AttributeError, one that
is but is not played here a NotImplementedError. Networks are computed by ONNX Runtime on the CPU: FP16 rounds the ends
of the network, INT8 by ranges every tensor that it writes, INT8 with a calibrator its input.
"""

from tensorrt import _building, _network, _running, _strict

__version__ = _strict.VERSION

init_libnvinfer_plugins = _building.init_libnvinfer_plugins
for _name, _thing in list(_strict.enums().items()) + list(_strict.classes(_building, _network, _running).items()):
    globals()[_name] = _thing
