"""Which names there are, and classes that have no others."""

import json
import os

VERSION = os.environ["STANDIN_TENSORRT"]
NUMBERS = tuple(int(part) for part in VERSION.split("."))
with open(os.path.join(os.path.dirname(__file__), "..", "names.json"), encoding="utf-8") as _file:
    NAMES = {name: set(text.split()) for name, text in json.load(_file)["{}.{}".format(*NUMBERS)].items()}

_ENUMS = (
    "BuilderFlag NetworkDefinitionCreationFlag LayerInformationFormat ProfilingVerbosity MemoryPoolType TensorIOMode "
    "DataType ErrorCode LayerType ElementWiseOperation"
).split()
_NUMBERS = {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1}


class Member:
    """A value of an enum of pybind11."""

    def __init__(self, kind, name):
        self.kind = kind
        self.name = name

    def __int__(self):
        return _NUMBERS[self.name]

    def __eq__(self, other):
        return isinstance(other, Member) and (self.kind, self.name) == (other.kind, other.name)

    def __hash__(self):
        return hash((self.kind, self.name))


def enums():
    return {
        kind: type(kind, (), {name: Member(kind, name) for name in NAMES[kind]}) for kind in _ENUMS if kind in NAMES
    }


def member(kind, name):
    """A value, for the stand-in itself."""
    return Member(kind, name)


class Strict:
    """Has the attributes that its class has in this version, and takes no others."""

    def __setattr__(self, name, value):
        if not name.startswith("_") and name not in NAMES[type(self).__name__]:
            raise AttributeError(f"TensorRT {VERSION}: {type(self).__name__} has no {name}")
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name in NAMES[type(self).__name__]:
            raise NotImplementedError(f"the stand-in does not play {type(self).__name__}.{name}")
        raise AttributeError(f"TensorRT {VERSION}: {type(self).__name__} has no {name}")


def trimmed(kind):
    """The class without the names that this version does not have; None if it does not have the class."""
    allowed = NAMES.get(kind.__name__)
    if allowed is None:
        return None
    for name in list(vars(kind)):
        if not name.startswith("_") and name not in allowed:
            delattr(kind, name)
    return kind


def classes(*modules):
    found = {}
    for module in modules:
        for name, thing in list(vars(module).items()):
            if isinstance(thing, type) and thing.__module__ == module.__name__ and not name.startswith("_"):
                thing = trimmed(thing)
                if thing is not None:
                    found[name] = thing
    return found
