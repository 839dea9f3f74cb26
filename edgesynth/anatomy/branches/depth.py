"""Depth: what a network loses when branches die, and what takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from torch import nn

from edgesynth.anatomy.branches.absent import Structure
from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.branches.outputs import Calls
from edgesynth.anatomy.branches.stand_ins import StandIns
from edgesynth.anatomy.branches.traced import Traced
from edgesynth.anatomy.tracing.named_tensors import first_names, named_tensors
from edgesynth.errors import UserError


@dataclass(frozen=True)
class Depth:
    """The branches of a network, and what must be known of its graph to remove them.

    Attributes:
        branches: every branch, removable or not.
        modules: for each operation the modules that call it, the outermost first.
        readers: for each operation the places of those that read it; `OUTPUT` is one of them.
        inputs: for each operation the places of the activations that it reads.
        passes: {operation that changes nothing: the place of its input}.
        clamps: {operation that changes only what is below zero: the place of its input}.
        nonnegative: places of values that are never below zero.
        owned: {module: its parameters and buffers, those of its submodules included}.
        used: parameters and buffers that the graph reads, under each of their names.
        structures: {module: structure of its outputs}; see `structure_of`.
        streaming: modules that may return the first of their inputs; see `Calls`.
    """

    branches: tuple[Branch, ...] = ()
    modules: tuple[tuple[str, ...], ...] = ()
    readers: tuple[tuple[int, ...], ...] = ()
    inputs: tuple[tuple[int, ...], ...] = ()
    passes: Mapping[int, int] = field(default_factory=dict)
    clamps: Mapping[int, int] = field(default_factory=dict)
    nonnegative: frozenset[int] = frozenset()
    owned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    structures: Mapping[str, Structure] = field(default_factory=dict)
    streaming: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether there is a branch of that name."""
        return any(branch.name == name for branch in self.branches)

    def dead(self, kept: Mapping[str, Sequence[int]]) -> frozenset[str]:
        """Names of the branches of which no unit is kept, or none of a group that everything in them passes through.

        Raises:
            UserError: one of them cannot be removed.
        """
        empty = {name for name, units in kept.items() if len(units) == 0}
        dead = [each for each in self.branches if empty & {each.name, each.joined, *each.cutting}]
        for branch in dead:
            if not branch.removable:
                raise UserError(f"{branch.name} cannot be removed: {branch.reason}; leave it as it is")
        return frozenset(branch.name for branch in dead)

    def place(self, branch: Branch) -> str:
        """Where a branch is added or joined, in words: `added to layer1.0`, `joined in inception3a`."""
        if branch.stream < 0:
            modules = dict.fromkeys(self._module(place) or "the network" for place in branch.sums)
            first, *others = modules
            return f"joined in {first}{f' and {len(others)} more' if others else ''}"
        return f"added to {self._module(branch.stream) or 'the network itself'}"

    def _module(self, place: int) -> str:
        """The innermost module that calls an operation; empty if the network itself does."""
        return self.modules[place][-1] if self.modules[place] else ""

    def protected(self, name: str, reason: str) -> Depth:
        """A copy in which the branch of that name is protected, if there is one."""
        branches = [
            replace(each, removable=False, reason=reason) if each.name == name else each for each in self.branches
        ]
        return replace(self, branches=tuple(branches))

    def stand_ins(
        self, dead: AbstractSet[str], shapes: Mapping[str, tuple[int, ...]], aliases: Mapping[str, str]
    ) -> StandIns:
        """The stand-ins for dead branches.

        Args:
            dead: names of branches.
            shapes: {parameter or buffer: its shape}.
            aliases: {further name of a shared tensor: its first name}.
        """
        branches = [branch for branch in self.branches if branch.name in dead]
        if not branches:
            return StandIns()
        steps = frozenset().union(*(branch.steps for branch in branches))
        parameters = {name for branch in branches for name in branch.parameters}
        parameters |= {other for other, first in aliases.items() if first in parameters}
        emptied = frozenset(name for name, own in self.owned.items() if {*own} & self.used <= parameters)
        skipped = self._skipped(branches, steps, emptied)
        covered = {name for module in skipped for name in self.owned[module]}
        absent: dict[str, Structure] = {}
        bare: dict[str, Structure] = {}
        traits: dict[str, tuple[bool, bool]] = {}
        for branch in branches:
            others = [other for other, first in aliases.items() if first in branch.parameters]
            for name in [*branch.parameters, *others]:
                if name in covered:
                    continue
                module = self._owner(name, steps, emptied)
                if module:
                    absent[module] = self.structures[module]
                    covered |= {*self.owned[module]}
                else:
                    bare[name] = {"shape": list(shapes[name]), "dtype": "float32", "per_input": 0}
                    covered.add(name)
                traits[module or name] = (bool(branch.joined), bool(branch.written))
        joined, copied = (tuple(name for name, has in traits.items() if has[place]) for place in (0, 1))
        return StandIns(tuple(sorted(covered)), tuple(skipped), absent, bare, joined, copied)

    def _owner(self, parameter: str, steps: AbstractSet[int], emptied: AbstractSet[str]) -> str:
        """The outermost module around a parameter of which nothing is left; empty if there is none.

        Args:
            parameter: its name.
            steps: places of the operations of dead branches.
            emptied: modules whose parameters only dead branches read.
        """
        path = parameter.split(".")[:-1]
        for length in range(1, len(path) + 1):
            module = ".".join(path[:length])
            called = [place for place, names in enumerate(self.modules) if module in names]
            if called and steps >= {*called} and module in self.structures and module in emptied:
                return module
        return ""

    def _skipped(self, branches: Iterable[Branch], steps: AbstractSet[int], emptied: AbstractSet[str]) -> list[str]:
        """The innermost modules around dead branches that return their input; for arguments see `_owner`."""
        added = {place: branch for branch in branches for place in branch.sums if branch.stream >= 0}
        streams = {place: branch.stream for place, branch in added.items()}
        chosen: dict[str, None] = {}
        for place, branch in added.items():
            for module in reversed(self.modules[place]):
                if any(module not in self.modules[other] for other in branch.written):
                    continue
                if module in self.streaming & emptied and self._gives_its_input(module, streams, steps):
                    chosen[module] = None
                    break
        return [name for name in chosen if not any(name.startswith(f"{other}.") for other in chosen)]

    def _gives_its_input(self, module: str, streams: Mapping[int, int], steps: AbstractSet[int]) -> bool:
        own = {place for place, names in enumerate(self.modules) if module in names}
        given = {
            self._resolved(source, streams)
            for place in own - steps
            for source in self.inputs[place]
            if source not in own and source not in steps
        }
        results = {
            self._resolved(place, streams) for place in own - steps if any(r not in own for r in self.readers[place])
        }
        return len(given) == 1 and results == given

    def _resolved(self, place: int, streams: Mapping[int, int]) -> int:
        """The earliest place with the same value as a place, once dead branches are gone."""
        while True:
            source = streams.get(place, self.passes.get(place, -1))
            if place in self.clamps:
                clamped = self._resolved(self.clamps[place], streams)
                source = clamped if clamped in self.nonnegative else -1
            if source < 0:
                return place
            place = source


NO_BRANCHES = Depth()
OUTPUT = -1


def read_depth(model: nn.Module, traced: Traced, branches: tuple[Branch, ...], calls: Calls) -> Depth:
    """The depth of a network.

    Args:
        model: the network.
        traced: its graph.
        branches: those of the graph.
        calls: of its modules.
    """
    places, names, first = traced.places, tuple(named_tensors(model)), first_names(model)
    read = {name for node, name in traced.names.items() if node.users}
    owned = {
        module: tuple(name for name in names if name.startswith(f"{module}."))
        for module in {module for node in traced.nodes for module in traced.modules(node)}
    }
    return Depth(
        branches=branches,
        modules=tuple(traced.modules(node) if node.op == "call_function" else () for node in traced.nodes),
        readers=tuple(tuple(places.get(user, OUTPUT) for user in node.users) for node in traced.nodes),
        inputs=tuple(
            tuple(places[given] for given in node.all_input_nodes if given in traced.moved) for node in traced.nodes
        ),
        passes={places[node]: places[source] for node in traced.nodes if (source := traced.passes(node)) is not None},
        clamps={places[node]: places[node.all_input_nodes[0]] for node in traced.nodes if traced.clamps(node)},
        nonnegative=frozenset(places[node] for node in traced.nodes if traced.is_nonnegative(node)),
        owned=owned,
        used=frozenset(name for name, tensor in named_tensors(model).items() if first[id(tensor)] in read),
        structures=calls.structures,
        streaming=frozenset(calls.streaming),
    )
