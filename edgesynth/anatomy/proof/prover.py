"""Proving what can be cut: all groups of a network before a run, and the cut of each offspring in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from torch import Tensor, nn

from edgesynth.anatomy.anatomy import Anatomy, Kept
from edgesynth.anatomy.proof.cuts import cuts
from edgesynth.anatomy.proof.proof import Proof, compare, failed, masked_for_now, tolerance_of
from edgesynth.anatomy.proof.weight_draws import DRAWS, OWN, drawn, with_gradient
from edgesynth.anatomy.removal.removal import remove
from edgesynth.anatomy.tracing.execution import Execution, execute
from edgesynth.anatomy.tracing.export import reason_of

FAILED = "the proof of removal failed"
WITHOUT_EFFECT = f"{FAILED}: no output depends on it, with any weights that were tried"


def prove_groups(model: nn.Module, anatomy: Anatomy, inputs: tuple[Tensor, ...]) -> Anatomy:
    """Cut every removable group in several ways (`cuts`); protect the groups that break the proof, and say why.

    Returns:
        The anatomy in which all these cuts of all removable groups together have been proven.
    """
    return Prover(model, inputs).groups(anatomy)


class Prover:
    """Proves cuts of one network.

    They are proven in evaluation and in training. They are proven in float64 where the network runs in it: little of an
    untrained network's output depends on the input, so that in float32 a wrong cut could pass for noise. The weights
    are such that the outputs depend on them (`weight_draws`).

    Outputs are compared where that says something new. A cut network may call the same functions of the same parameters
    and values as the uncut one (`execution.Execution`): then it computes the same function of other sizes. Of such cuts
    a few comparisons are enough. A forward that goes by widths is found by what it calls. In training, outputs are
    compared where the uncut network calls other things there than in evaluation.

    Args:
        model: the network; it is not changed.
        inputs: what its forward takes.
    """

    def __init__(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.model = model
        self.inputs = inputs
        self.draws: tuple[str, ...] = (OWN,)
        self.in_float64 = True
        self.uncut: dict[bool, Execution] = {}  # by whether in training; empty until groups were proven
        self._networks: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_networks": {}}

    def groups(self, anatomy: Anatomy) -> Anatomy:
        """The anatomy with every group protected whose cut cannot be proven."""
        self._begin(anatomy)
        anatomy = self._without_undetectable(anatomy)
        while True:
            before = anatomy
            for place in range(len(cuts(anatomy.removable, anatomy.removable_branches))):
                anatomy = self._without_broken(anatomy, place)
            if anatomy is before:
                self._networks.clear()
                return anatomy

    def cut(self, anatomy: Anatomy, kept: Kept, base: Kept) -> dict[str, str]:
        """What of an offspring's cut cannot be proven.

        Args:
            anatomy: what `groups` gave.
            kept: {group: units kept} of the offspring; of every removable group.
            base: the same of a network that has been proven, such as its parent.

        Returns:
            {group: why it has to stay as it is in `base`}; with these groups left so, the cut is proven.
        """
        implied = anatomy.groups_without_units(kept)
        changed = [name for name in kept if list(kept[name]) != list(base[name]) and name not in implied]

        def flaw(names: Sequence[str]) -> str:
            return self._flaw(anatomy, {**base, **{name: kept[name] for name in names}}, by_values=True, training=True)

        broken = _broken(flaw, changed)
        self._networks.clear()
        return broken

    def _begin(self, anatomy: Anatomy) -> None:
        """Learn in which number format the network runs, for its forward may insist on one, and what it calls."""
        try:
            self.uncut = {False: execute(*self._drawn(OWN))}
        except (RuntimeError, TypeError):
            self._networks.clear()
            self.in_float64 = False
            self.uncut = {False: execute(*self._drawn(OWN))}
        if anatomy.differs_in_training is not None:
            differs = anatomy.differs_in_training
            self.uncut[True] = execute(*self._drawn(OWN), training=True) if differs else self.uncut[False]
        for execution in self.uncut.values():
            execution.forget()

    def _without_broken(self, anatomy: Anatomy, place: int) -> Anatomy:
        """The anatomy without the groups that one of the cuts breaks."""
        every = cuts(anatomy.removable, anatomy.removable_branches)
        if place >= len(every):
            return anatomy
        cut = every[place]

        def flaw(names: Sequence[str]) -> str:
            return self._flaw(anatomy, {name: cut.kept[name] for name in names}, cut.by_values, cut.in_training)

        for name, why in _broken(flaw, list(cut.kept)).items():
            anatomy = anatomy.protected(name, f"{FAILED}: {why} ({cut.words})")
        return anatomy

    def _flaw(self, anatomy: Anatomy, kept: Kept, by_values: bool, training: bool) -> str:
        """What is wrong with a cut; empty where nothing is.

        Args:
            anatomy: the network's.
            kept: {group: units kept}.
            by_values: whether outputs are compared although the cut network calls what the whole one calls.
            training: whether to look at training too, although the whole network calls the same there.
        """
        differs = bool(anatomy.differs_in_training)
        flaw = self._flaw_in(False, anatomy, kept, by_values)
        if not flaw and True in self.uncut and (training or differs):
            flaw = self._flaw_in(True, anatomy, kept, by_values and differs)
            return flaw and f"in training, {flaw}"
        return flaw

    def _flaw_in(self, training: bool, anatomy: Anatomy, kept: Kept, by_values: bool) -> str:
        """The same in one mode, by all draws of weights that are needed; by others where these give zeros."""
        for draw in self.draws:
            proof = self._compared(draw, training, anatomy, kept, by_values)
            for other in DRAWS if proof is not None and proof.idle else ():
                proof = self._compared(other, training, anatomy, kept, by_values=True)
                if proof is not None and not proof.idle:
                    break
            if proof is not None and not proof:
                return proof.flaw
        return ""

    def _compared(self, draw: str, training: bool, anatomy: Anatomy, kept: Kept, by_values: bool) -> Proof | None:
        """What a comparison says; None where there was nothing to compare."""
        network, inputs = self._drawn(draw)
        small = remove(network, anatomy.plan(kept))
        try:
            execution = execute(small, inputs, training)
        except Exception as error:  # whatever a user's forward raises on smaller tensors is what is looked for
            return failed(f"{type(error).__name__}: {reason_of(error)}")
        uncut = self.uncut[training]
        same = execution.kinds == uncut.kinds if training else execution.calls == uncut.calls
        if same and not by_values:
            return None
        with masked_for_now(network, anatomy, kept):
            expected = execute(network, inputs, training).outputs
        proof = compare(expected, execution.outputs, tolerance_of(network))
        where = execution.departs(uncut)
        return proof if proof or not where else failed(f"{proof.flaw}: its forward goes by widths ({where})")

    def _without_undetectable(self, anatomy: Anatomy) -> Anatomy:
        """Choose the draws by which outputs depend on every group; protect those on which no draw's outputs do."""
        # Channels that no layer reads, such as those that a slice leaves out, rightly change no output.
        read = [group for group in anatomy.removable if any(member.role == "read" for member in group.members)]
        missing = {group.name for group in read if group.size > 1}
        missing |= {branch.name for branch in anatomy.removable_branches}
        chosen: list[str] = []
        for find in (self._with_gradient, self._changed_by_masking):
            for draw in DRAWS:
                if missing and (reached := find(draw, anatomy, missing)):
                    chosen.append(draw)
                    missing -= reached
        self.draws = tuple(dict.fromkeys(chosen)) or (OWN,)
        for name in sorted(missing):
            anatomy = anatomy.protected(name, WITHOUT_EFFECT)
        return anatomy

    def _with_gradient(self, draw: str, anatomy: Anatomy, names: AbstractSet[str]) -> set[str]:
        """Those groups that the outputs of a draw depend on, by their gradients."""
        network, inputs = self._drawn(draw)
        del self._networks[draw]  # what its forward keeps in attributes will have a graph, which cannot be copied
        try:
            for parameter in network.parameters():
                parameter.requires_grad_(parameter.is_floating_point())
            outputs = execute(network, inputs, keep_graph=True).outputs
            finite = all(bool(output.isfinite().all()) for output in outputs)
            groups = [group for group in anatomy.removable if group.name in names]
            branches = [branch for branch in anatomy.removable_branches if branch.name in names]
            return with_gradient(network, outputs, groups, branches) if finite else set()
        except (RuntimeError, NotImplementedError):  # it computes something that has no gradient
            return set()

    def _changed_by_masking(self, draw: str, anatomy: Anatomy, names: AbstractSet[str]) -> set[str]:
        """The same by masking most of each group, where gradients do not tell."""
        network, inputs = self._drawn(draw)
        before, moving = execute(network, inputs).outputs, set()
        for name in names:
            with masked_for_now(network, anatomy, {name: [] if anatomy.depth.has(name) else [0]}):
                proof = compare(before, execute(network, inputs).outputs, tolerance_of(network))
            if not proof.idle and proof.max_rel > 0:
                moving.add(name)
        return moving

    def _drawn(self, draw: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        """The network with weights of a draw, in the number format of the proof, and its inputs."""
        if draw not in self._networks:
            network, inputs = drawn(self.model, self.inputs, draw)
            if self.in_float64:
                network = network.double()
                inputs = tuple(given.double() if given.is_floating_point() else given for given in inputs)
            self._networks[draw] = (network, inputs)
        return self._networks[draw]


def _broken(flaw: Callable[[Sequence[str]], str], names: Sequence[str]) -> dict[str, str]:
    """By bisection, {name: what is wrong} of those that break what the others leave whole.

    Args:
        flaw: what is wrong where these names are cut; empty where nothing is.
        names: in this order, the earlier before the later.
    """
    proven: list[str] = []
    broken: dict[str, str] = {}
    waiting = [list(names)] if names else []
    while waiting:
        part = waiting.pop()
        why = flaw([*proven, *part])
        if not why:
            proven += part
        elif len(part) == 1:
            broken[part[0]] = why
        else:
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    return broken
