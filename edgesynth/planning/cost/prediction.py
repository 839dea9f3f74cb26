"""The prediction of the cost model for one network on one board, with its error."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from edgesynth.boards.board import PRECISIONS, Board, PowerMode
from edgesynth.boards.probed import ProbeTable
from edgesynth.boards.table import find_board
from edgesynth.errors import UserError
from edgesynth.planning.cost.fitted import CONSUMPTION, EFFICIENCY, ENERGY_ERROR, LATENCY_ERROR
from edgesynth.planning.cost.layers import DEPTHWISE, Layer
from edgesynth.planning.cost.onnx_layers import read_layers
from edgesynth.planning.cost.power import watts
from edgesynth.planning.cost.roofline import BYTES, Machine, seconds, traffic_bytes

_MUCH = 0.2


class LayerCost(NamedTuple):
    """One kernel of a prediction.

    Attributes:
        name: of the layers that it runs.
        kind: see `Layer`.
        latency_ms: predicted, for the batch.
        bound_by: "compute", "memory" or "launch", whichever it spends the most time on.
        macs: multiply-accumulates for one image.
        traffic_bytes: moved for the batch.
        measured: whether the latency is a probe's.
    """

    name: str
    kind: str
    latency_ms: float
    bound_by: str
    macs: int
    traffic_bytes: int
    measured: bool = False


class Floating(NamedTuple):
    """Layers of an INT8 engine that stay in floating point.

    Attributes:
        names: of the layers.
        precision: theirs, "fp32" or "fp16".
    """

    names: frozenset[str]
    precision: str


class Prediction(NamedTuple):
    """A predicted, never a measured, latency and energy.

    Attributes:
        board: its title.
        mode: the power mode's name.
        precision: as asked.
        batch: images per call.
        latency_ms: predicted time of one call.
        images_per_s: predicted throughput of calls one after the other.
        watts: predicted power of the processor and its memory, which is less than the module's input rail shows; None
            for boards without published power.
        energy_mj_per_image: predicted from the two, mJ.
        error: median relative error of the latency on published rows of this board that were not fitted (0.1 is 10 %);
            None where there are none, so that the figure is an extrapolation, and where a probe measured some of it.
        energy_error: of the energy at FP16, on the two networks with published power, each from the power of the other;
            None where it cannot be told.
        bound_by: "compute", "memory" or "launch", whichever takes the most time.
        layers: its kernels, in order.
        notes: what must be known before using it.
        measured_share: of the latency, what a probe measured (0.5 is half); None without a probe.
    """

    board: str
    mode: str
    precision: str
    batch: int
    latency_ms: float
    images_per_s: float
    watts: float | None
    energy_mj_per_image: float | None
    error: float | None
    energy_error: float | None
    bound_by: str
    layers: tuple[LayerCost, ...]
    notes: tuple[str, ...]
    measured_share: float | None = None

    def summary(self) -> str:
        """One line for people."""
        error = "no published figure to check it" if self.error is None else f"median error {self.error:.0%}"
        if self.measured_share is not None:
            error = f"{self.measured_share:.0%} of it measured layer by layer"
        energy = (
            "energy not predicted"
            if self.energy_mj_per_image is None or self.watts is None
            else f"{self.energy_mj_per_image:.3g} mJ per image at {self.watts:.1f} W (processor and memory)"
        )
        speed = f"{self.latency_ms:.3g} ms ({error}), {self.images_per_s:.3g} images/s"
        return f"predicted: {speed}, {energy}; {self.bound_by}-bound"

    @property
    def images_per_joule(self) -> float | None:
        """Predicted, of the processor and its memory."""
        return None if self.energy_mj_per_image is None else 1e3 / self.energy_mj_per_image

    def in_short(self) -> str:
        """Latency and images per joule with their errors, such as `0.73 ms ± 16 %, 256 images/J ± 8 %`."""
        latency = f"{self.latency_ms:.3g} ms {_error(self.error)}"
        if self.images_per_joule is None:
            return latency
        return f"{latency}, {self.images_per_joule:.3g} images/J {_error(self.energy_error)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values, marked as predicted."""
        plain = dict(self._asdict())
        plain["layers"] = [dict(layer._asdict()) for layer in self.layers]
        plain["notes"] = list(self.notes)
        plain["source"] = "predicted"
        return plain


def predict(
    path: str, board: str | Board, precision: str = "fp16", batch: int = 1, mode: str | None = None
) -> Prediction:
    """Predict latency and energy of an ONNX file.

    Args:
        path: the file; its weights are not read.
        board: a board of the table, or its name.
        precision: "fp32", "fp16" or "int8"; int8 counts as fp32 where the GPU has no INT8 units.
        batch: images per call, at least 1.
        mode: the board's power mode by name; the fastest by default.

    Raises:
        UserError: unknown board, precision or mode, a batch below one, no known peak, or a file that cannot be read.
    """
    machine = _machine(board, precision, batch, mode)
    return _predict(read_layers(str(path)), precision, batch, *machine)


def predict_layers(
    layers: Iterable[Layer],
    board: str | Board,
    precision: str = "fp16",
    batch: int = 1,
    mode: str | None = None,
    probe: ProbeTable | None = None,
    floating: Floating | None = None,
) -> Prediction:
    """Predict latency and energy of a list of layers, such as `from_census` makes.

    Args:
        layers: in their order, at least one.
        board: see `predict`.
        precision: see there.
        batch: see there.
        mode: see there.
        probe: measured layers, which replace the roofline for those that they cover. Such a layer alone reads no
            residual input, and its time is that of a convolution without what is fused into it.
        floating: layers that are not of this precision.

    Raises:
        UserError: see `predict`; or there is no layer; or the probe is of another board, mode, precision or batch.
    """
    machine = _machine(board, precision, batch, mode)
    if probe is not None:
        probe.check_for(machine[0], machine[1], precision, batch)
    return _predict(list(layers), precision, batch, *machine, probe=probe, floating=floating)


def _error(error: float | None) -> str:
    """The median error on published figures that were not fitted."""
    return "(unchecked)" if error is None else f"\u00b1 {100 * error:.0f} %"


def machine_of(board: Board, mode: PowerMode, precision: str) -> Machine:
    """What a board can do at best.

    Raises:
        UserError: no source gives the clock or the memory of that mode.
    """
    peak, fp32, bandwidth = board.peak_gops(precision, mode), board.peak_gops("fp32", mode), mode.bandwidth_gb_s
    if peak is None or fp32 is None or bandwidth is None:
        known = [mode.name for mode in board.modes if mode.bandwidth_gb_s and board.peak_gops("fp32", mode)]
        raise UserError(
            "no latency can be predicted for {} at power mode {}: no source gives its clocks; {}".format(
                board.title, mode.name, "choose from: " + ", ".join(known) if known else "measure on the board"
            )
        )
    return Machine(peak * 1e9, fp32 * 1e9, bandwidth * 1e9, BYTES[precision])


def _machine(board: str | Board, precision: str, batch: int, mode: str | None) -> tuple[Board, PowerMode, str, Machine]:
    """The board, its mode, the precision that its kernels have, and what it can do."""
    if precision not in PRECISIONS:
        raise UserError("precision is {!r}; choose from: {}".format(precision, ", ".join(PRECISIONS)))
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise UserError(f"batch is {batch!r}; it must be whole and at least 1")
    known_board = find_board(board) if isinstance(board, str) else board
    power_mode = known_board.mode(mode)
    effective = "fp32" if precision == "int8" and not known_board.native_int8 else precision
    return known_board, power_mode, effective, machine_of(known_board, power_mode, effective)


def _predict(
    layers: list[Layer],
    precision: str,
    batch: int,
    board: Board,
    mode: PowerMode,
    effective: str,
    machine: Machine,
    probe: ProbeTable | None = None,
    floating: Floating | None = None,
) -> Prediction:
    if not layers:
        raise UserError("there is no layer to predict: give a network that computes something")
    costs = []
    other = machine if floating is None else machine_of(board, mode, floating.precision)
    names = frozenset() if floating is None else floating.names
    spent = {"compute": 0.0, "memory": 0.0, "launch": (EFFICIENCY.call_ms if probe is None else probe.call_ms) * 1e-3}
    for layer in layers:
        does = other if layer.name in names else machine
        time = seconds(layer, batch, does, EFFICIENCY)
        measured_ms = None if probe is None or does is not machine else probe.latency_ms(layer.shape, layer.width)
        # What a measured layer waits for is the roofline's guess; how long is not.
        scale = 1.0 if measured_ms is None else measured_ms * 1e-3 / time.total
        waits = "compute" if time.compute >= time.memory else "memory"
        spent[waits] += scale * max(time.compute, time.memory)
        spent["launch"] += scale * time.launch
        bound_by = waits if max(time.compute, time.memory) >= time.launch else "launch"
        moved = traffic_bytes(layer, batch, does.bytes_per_value)
        latency_ms = scale * time.total * 1e3
        costs.append(
            LayerCost(layer.name, layer.kind, latency_ms, bound_by, layer.macs, moved, measured_ms is not None)
        )
    total_s = sum(spent.values())
    power = watts(
        board,
        mode,
        effective,
        2.0 * batch * sum(layer.macs for layer in layers) / total_s,
        sum(cost.traffic_bytes for cost in costs) / total_s,
        CONSUMPTION,
    )
    return Prediction(
        board=board.title,
        mode=mode.name,
        precision=precision,
        batch=batch,
        latency_ms=total_s * 1e3,
        images_per_s=batch / total_s,
        watts=power,
        energy_mj_per_image=None if power is None else power * total_s * 1e3 / batch,
        error=LATENCY_ERROR.get(board.name) if precision != "int8" and probe is None else None,
        energy_error=ENERGY_ERROR.get(board.name) if precision == "fp16" and probe is None else None,
        bound_by=max(sorted(spent), key=lambda what: spent[what]),
        layers=tuple(costs),
        notes=tuple(
            _notes(board, precision, effective, power, costs, total_s)
            + ([] if probe is None else _notes_of_probe(probe, costs, total_s))
        ),
        measured_share=None if probe is None else _measured_ms(costs) / (total_s * 1e3),
    )


def _measured_ms(costs: list[LayerCost]) -> float:
    return sum(cost.latency_ms for cost in costs if cost.measured)


def _notes_of_probe(probe: ProbeTable, costs: list[LayerCost], total_s: float) -> list[str]:
    measured = sum(cost.measured for cost in costs)
    notes = [
        f"at {probe.precision}, {_measured_ms(costs) / (total_s * 1e3):.0%} of the time is of {measured} measured "
        f"layers ({probe.engine}), the rest of {len(costs) - measured} by the roofline"
    ]
    if probe.facts["power_mode"] is None:
        notes.append("the probe's table does not say in which power mode it was measured")
    return notes


def _notes(
    board: Board, precision: str, effective: str, power: float | None, costs: list[LayerCost], total_s: float
) -> list[str]:
    notes = [
        "fitted to TensorRT 1 to 5; networks of later releases were published up to 1.5 times faster than predicted"
    ]
    if precision != effective:
        notes.append(
            f"{board.title} has no INT8 units: predicted as fp32, and measured there between 0.8 and 1.2 times as "
            "long; fp16 is faster"
        )
    if board.name not in LATENCY_ERROR:
        notes.append(f"no published figure of {board.title} has checked this model: an extrapolation")
    if power is None:
        notes.append(f"energy is not predicted: no published power of {board.title} to fit")
    elif effective == "fp32":
        notes.append("energy at fp32 takes an operation for twice one at fp16; no published power checks it")
    depthwise = sum(cost.latency_ms for cost in costs if cost.kind == DEPTHWISE)
    if depthwise > _MUCH * total_s * 1e3:
        notes.append(
            f"depthwise convolutions take {depthwise / (total_s * 1e3):.0%} of this time, at the pace of TensorRT 3"
        )
    return notes
