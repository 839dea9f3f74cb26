"""A board: its GPU, memory, power modes, rails and software, each figure or None where no source gives it."""

from typing import Dict, NamedTuple, Optional, Tuple

from edgesynth.errors import UserError

PRECISIONS = ("fp32", "fp16", "int8")

Version = Tuple[int, ...]


class PowerMode(NamedTuple):
    """One mode of nvpmodel with its clocks at their cap, as `jetson_clocks` pins them.

    Attributes:
        name: as nvpmodel prints it.
        nvpmodel_id: for `nvpmodel -m`; None where it differs between JetPacks or is not known.
        gpu_mhz: the GPU's highest clock.
        bandwidth_gb_s: peak bandwidth of the memory at its highest clock, 1e9 bytes/s.
        budget_w: the power that the mode is made for; None where it has none or it is not known.
    """

    name: str
    nvpmodel_id: Optional[int] = None
    gpu_mhz: Optional[float] = None
    bandwidth_gb_s: Optional[float] = None
    budget_w: Optional[float] = None


class Board(NamedTuple):
    """What a board can do.

    Attributes:
        name: as given to `--board`.
        title: as people call it.
        aliases: other names that are understood.
        soc: last entry of the device tree's `compatible`; None for a PC.
        modules: NVIDIA's part numbers of its modules (P-numbers).
        sm: compute capability of the GPU, (major, minor).
        native_fp16: whether FP16 is faster than FP32 by hardware.
        native_int8: whether the GPU has INT8 units; without them TensorRT refuses Q/DQ nodes.
        memory_gb: of the usual module, 2**30 bytes; shared between CPU and GPU on every Jetson.
        cuda_cores: of the GPU.
        ops_per_cycle: floating-point (or, at int8, integer) operations that the GPU starts per clock, dense, without
            DLA; a multiply-add counts as two. None where there is no such path or no source.
        modes: power modes, the fastest first.
        rails: rails of the board's own power sensors.
        total_rails: the rails whose sum is the total; one, if it measures the input. None is part of another.
        tensorrt: pairs of version (major, minor) and the JetPack that brings it, oldest first.
        part_of: of each rail whose power is also in another one: that other rail. It is never added to a total.
        total_scope: what the total is of.
    """

    name: str
    title: str
    aliases: Tuple[str, ...]
    soc: Optional[str]
    modules: Tuple[str, ...]
    sm: Optional[Tuple[int, int]]
    native_fp16: Optional[bool]
    native_int8: Optional[bool]
    memory_gb: Optional[float]
    cuda_cores: Optional[int]
    ops_per_cycle: Dict[str, Optional[int]]
    modes: Tuple[PowerMode, ...]
    rails: Tuple[str, ...]
    total_rails: Tuple[str, ...]
    tensorrt: Tuple[Tuple[Version, str], ...]
    part_of: Dict[str, str] = {}  # noqa: RUF012  (a NamedTuple does not change)
    total_scope: str = "the whole module"

    @property
    def sm_name(self) -> str:
        """The compute capability as compilers write it, `sm_62`."""
        return "sm_{}{}".format(*self.sm) if self.sm else "unknown compute capability"

    def mode(self, name: Optional[str] = None) -> PowerMode:
        """A power mode by its name or its nvpmodel id; the fastest by default.

        Raises:
            UserError: the board has no such mode.
        """
        if name is None:
            return self.modes[0]
        for mode in self.modes:
            if name.strip().lower() in (mode.name.lower(), str(mode.nvpmodel_id)):
                return mode
        raise UserError(
            "{} has no power mode {!r}; choose from: {}".format(
                self.title, name, ", ".join(mode.name for mode in self.modes)
            )
        )

    def peak_gops(self, precision: str, mode: Optional[PowerMode] = None) -> Optional[float]:
        """Peak 1e9 operations per second at a precision ("fp32", "fp16", "int8"); None where it is not known.

        Args:
            precision: one of `PRECISIONS`.
            mode: a power mode of this board; the fastest by default.
        """
        per_cycle, mhz = self.ops_per_cycle.get(precision), (mode or self.modes[0]).gpu_mhz
        return None if per_cycle is None or mhz is None else per_cycle * mhz / 1000.0
