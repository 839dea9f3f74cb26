"""The processor of this machine, and whether ONNX Runtime's INT8 products are exact on it.

With AVX2 or AVX-512 and without VNNI, products of uint8 by int8 are added in 16 bits, which saturate
(microsoft/onnxruntime#5849, #6545, #11415). A bundle says of its file for CPUs where that is exact.
"""

from typing import Optional

from edgesynth.benchmark.bundle.bundle import Model
from edgesynth.benchmark.conditions.machine import cpu_flags, cpu_name

ANY = "any"  # what the manifest says of a file that is exact on every processor
DIALECT = "onnxruntime-cpu"

_EXACT = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}
_SATURATING = {"avx2", "avx512bw"}


def saturates(root: str = "/") -> Optional[bool]:
    """Whether sums of INT8 products saturate on this processor.

    Args:
        root: folder that holds `proc`.

    Returns:
        True on x86 with AVX2 or AVX-512 and without VNNI; False on x86 with VNNI or AMX, or with neither, and on ARM
        with dot products; None where that cannot be read, and on ARM without them.
    """
    flags = cpu_flags(root)
    if flags & _EXACT:
        return False
    if flags & _SATURATING:
        return True
    return False if "sse2" in flags else None


def why_inexact(model: Model, root: str = "/") -> Optional[str]:
    """Why a model is not exact on this processor; None if it is, or if that is not known.

    Args:
        model: of a bundle; an older one does not say where its file for CPUs is exact, and that had 8-bit weights.
        root: folder that holds `proc`.
    """
    if model.dialect != DIALECT or model.exact_on == ANY or not saturates(root):
        return None
    return (
        "its 8-bit weights are exact on processors with VNNI alone, and {} has none: INT8 sums saturate here; "
        "export it again with --int8-cpu-target any".format(cpu_name(root))
    )
