"""Student's t without scipy, which no board has."""

import math

# Two-sided quantiles of the normal distribution.
_Z = {95: 1.959964, 99: 2.575829}


def student(freedom: int, percent: int = 95) -> float:
    """Two-sided quantile of Student's t by Fisher's expansion.

    Args:
        freedom: degrees of freedom, at least 1; within 0.3 % from 4 on at 95 %, within 1.3 % at 99 %.
        percent: 95 or 99.
    """
    z = _Z[percent]
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / freedom**power_of for power_of, term in enumerate(terms))
