"""Stand-ins for removed branches in a rebuilt network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from edgesynth.anatomy.branches.absent import Absent, AbsentModule, Skipped, Structure, Traits, dtype_named

PLAIN = (bool, int, float, str, tuple, type(None))


@dataclass(frozen=True)
class StandIns:
    """What is gone from a network, and what takes its place.

    Attributes:
        gone: parameters and buffers that are gone.
        skipped: modules that are to return their input.
        absent: {module: structure of its outputs, see `structure_of`}.
        bare: {parameter that a living module owns: its shape and number format, as `structure_of` writes them}.
        joined: those of `absent` and `bare` whose channels were joined to others.
        copied: those whose sum must not be the same tensor as the stream, because the network writes into one of them.
    """

    gone: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    absent: Mapping[str, Structure] = field(default_factory=dict)
    bare: Mapping[str, Structure] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StandIns:
        """From the output of `dataclasses.asdict` after JSON."""
        tuples = {name: tuple(data[name]) for name in ("gone", "skipped", "joined", "copied") if name in data}
        return cls(**{**data, **tuples})

    def replaces(self, module: str) -> bool:
        """Whether a module, or one that it lies in, is replaced."""
        return any(f"{module}.".startswith(f"{name}.") for name in (*self.skipped, *self.absent))

    def put_in(self, network: nn.Module) -> None:
        """Put the stand-ins into a network."""
        for name in self.skipped:
            _set(network, name, Skipped())
        for name, structure in self.absent.items():
            _set(network, name, AbsentModule(structure, self._traits(name)))
        for name, structure in self.bare.items():
            owner, _, own = name.rpartition(".")
            module = network.get_submodule(owner)
            delattr(module, own)
            setattr(module, own, Absent.of(structure["shape"], dtype_named(structure), self._traits(name)))
        _leave_fast_path(network)

    def _traits(self, name: str) -> Traits:
        return Traits(name in self.joined, name in self.copied)


def _set(network: nn.Module, name: str, stand_in: nn.Module) -> None:
    """Put a stand-in in place of a module, with the plain attributes that a forward method may read."""
    owner, _, own = name.rpartition(".")
    module = network.get_submodule(name)
    stand_in.training = module.training
    for attribute, value in vars(module).items():
        if not attribute.startswith("_") and not hasattr(stand_in, attribute) and isinstance(value, PLAIN):
            setattr(stand_in, attribute, value)
    for parameter in (*module._parameters, *module._buffers):
        stand_in.register_parameter(parameter, None)
    setattr(network.get_submodule(owner), own, stand_in)


def _leave_fast_path(network: nn.Module) -> None:
    """Make torch's transformer layers call their modules: in evaluation they hand all weights to one function."""
    for module in network.modules():
        if isinstance(module, nn.TransformerEncoderLayer) and any(
            isinstance(m, AbsentModule) for m in module.modules()
        ):
            module.activation_relu_or_gelu = 0  # as if its activation were one that this function does not know
