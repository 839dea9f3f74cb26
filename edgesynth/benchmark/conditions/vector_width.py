"""How many floats a processor computes at once."""

import platform

from edgesynth.benchmark.conditions.machine import cpu_flags

# Flags of /proc/cpuinfo, the widest first; "asimd" and "neon" are ARM's.
_FLOATS = (("avx512f", 16), ("avx2", 8), ("avx", 8), ("asimd", 4), ("neon", 4), ("sse2", 4))
_USUAL = 8


def vector_floats(root: str = "/") -> int:
    """Floats in a vector of this processor: 16 with AVX-512, 8 with AVX, 4 with NEON or SSE.

    Args:
        root: folder that holds `proc`; where it tells nothing, it is 4 on ARM and 8 elsewhere.
    """
    flags = cpu_flags(root)
    usual = 4 if platform.machine().lower() in ("arm64", "aarch64") else _USUAL
    return next((floats for flag, floats in _FLOATS if flag in flags), usual)
