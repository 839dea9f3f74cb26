"""What is gone from a network whose branches die, and what stands in its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from torch import nn

from edgesynth.anatomy.branches.absent import Structure
from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.branches.stand_ins import StandIns
from edgesynth.anatomy.branches.traced import Traced
from edgesynth.errors import UserError


@dataclass(frozen=True)
class Depth:
    """The branches of a network, and what of its graph says how it is without them.

    Attributes:
        branches: every branch, removable or not.
        batch: number of inputs of the example.
        modules: for each operation the modules that call it, the outermost first.
        readers: for each operation the places of those that read it; `OUTPUT` is one of them.
        inputs: for each operation the places of the activations that it reads.
        passes: {operation that changes nothing: the place of its input}.
        clamps: {operation that changes only what is below zero: the place of its input}.
        nonnegative: places of what is never below zero.
        owned: {module: its parameters and buffers, those of its modules included}.
        structures: {module: what it gave}.
    """

    branches: tuple[Branch, ...] = ()
    batch: int = 1
    modules: tuple[tuple[str, ...], ...] = ()
    readers: tuple[tuple[int, ...], ...] = ()
    inputs: tuple[tuple[int, ...], ...] = ()
    passes: Mapping[int, int] = field(default_factory=dict)
    clamps: Mapping[int, int] = field(default_factory=dict)
    nonnegative: frozenset[int] = frozenset()
    owned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    structures: Mapping[str, Structure] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is a branch of that name."""
        return any(branch.name == name for branch in self.branches)

    def dead(self, kept: Mapping[str, Sequence[int]]) -> frozenset[str]:
        """Names of the branches that die: they are said to, or no unit is kept of a group that all in them passes.

        Raises:
            UserError: one of them cannot be removed.
        """
        empty = {name for name, units in kept.items() if len(units) == 0}
        dead = [each for each in self.branches if empty & {each.name, each.joined, *each.cutting}]
        for branch in dead:
            if not branch.removable:
                raise UserError(f"{branch.name} cannot be removed: {branch.reason}; leave it as it is")
        return frozenset(branch.name for branch in dead)

    def protected(self, name: str, reason: str) -> Depth:
        """The same with a branch of that name protected, if there is one."""
        branches = [
            replace(each, removable=False, reason=reason) if each.name == name else each for each in self.branches
        ]
        return replace(self, branches=tuple(branches))

    def stand_ins(self, dead: AbstractSet[str], shapes: Mapping[str, tuple[int, ...]]) -> StandIns:
        """What stands in the network for dead branches.

        Args:
            dead: names of branches.
            shapes: {parameter or buffer: its shape}.
        """
        branches = [branch for branch in self.branches if branch.name in dead]
        if not branches:
            return StandIns()
        steps = frozenset().union(*(branch.steps for branch in branches))
        skipped = self._skipped(branches, steps)
        covered = {name for module in skipped for name in self.owned[module]}
        absent: dict[str, Structure] = {}
        bare: dict[str, Structure] = {}
        joined: list[str] = []
        for branch in branches:
            for name in branch.parameters:
                if name in covered:
                    continue
                module = self._owner(name, steps)
                if module:
                    absent[module] = self.structures[module]
                    covered |= {*self.owned[module]}
                else:
                    bare[name] = {"shape": list(shapes[name]), "dtype": "float32"}
                    covered.add(name)
                joined += [module or name] if branch.joined else []
        return StandIns(tuple(sorted(covered)), tuple(skipped), absent, bare, tuple(joined), self.batch)

    def _owner(self, parameter: str, steps: AbstractSet[int]) -> str:
        """The outermost module with a parameter of which nothing is left; empty if there is none."""
        path = parameter.split(".")[:-1]
        for length in range(1, len(path) + 1):
            module = ".".join(path[:length])
            called = [place for place, names in enumerate(self.modules) if module in names]
            if called and steps >= {*called} and module in self.structures:
                return module
        return ""

    def _skipped(self, branches: Iterable[Branch], steps: AbstractSet[int]) -> list[str]:
        """The innermost modules around dead branches that give what they are given."""
        streams = {place: branch.stream for branch in branches for place in branch.sums if branch.stream >= 0}
        chosen: dict[str, None] = {}
        for place in streams:
            for module in reversed(self.modules[place]):
                if self._gives_its_input(module, streams, steps):
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
        """The place whose value a place has, where it is changed by nothing that is left."""
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


def read_depth(model: nn.Module, traced: Traced, branches: tuple[Branch, ...], batch: int) -> Depth:
    """What is known of a network's branches, but for what its modules give; see `with_structures`.

    Args:
        model: the network.
        traced: its graph.
        branches: what was found in it.
        batch: number of inputs of the example.
    """
    places = traced.places
    owned = {
        name: tuple(f"{name}.{own}" for own in module.state_dict()) for name, module in model.named_modules() if name
    }
    return Depth(
        branches=branches,
        batch=batch,
        modules=tuple(traced.modules(node) if node.op == "call_function" else () for node in traced.nodes),
        readers=tuple(tuple(places.get(user, OUTPUT) for user in node.users) for node in traced.nodes),
        inputs=tuple(
            tuple(places[given] for given in node.all_input_nodes if given in traced.moved) for node in traced.nodes
        ),
        passes={places[node]: places[source] for node in traced.nodes if (source := traced.passes(node)) is not None},
        clamps={places[node]: places[node.all_input_nodes[0]] for node in traced.nodes if traced.clamps(node)},
        nonnegative=frozenset(places[node] for node in traced.nodes if traced.is_nonnegative(node)),
        owned=owned,
    )
