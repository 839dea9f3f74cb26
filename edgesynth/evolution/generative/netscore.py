"""NetScore as universal performance U, and the indicator 1_r of operational requirements.

In NetScore (Wong, arXiv 1806.05512) half the parameters and MACs are worth 6 dB, as much as 1.4 times the accuracy:
alone it rewards collapse. So U ranks only networks that meet every hard requirement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgesynth.anatomy import Census
from edgesynth.errors import UserError

FORMULA = "20 log10(a^2 / sqrt(p m)) dB: a in percent on validation, p in millions of parameters, m in billions of MACs"
LEAST_ACCURACY = 0.01  # percent; below it the logarithm would run away from what a few hundred images can tell


def net_score(accuracy: float, params: float, macs: float) -> float:
    """NetScore, 20 log10(a^2 / (p^0.5 m^0.5)).

    Args:
        accuracy: a, in percent; below 0.01 it counts as 0.01.
        params: p, in millions.
        macs: m, multiply-accumulates for one input, in billions.

    Returns:
        dB; higher is better.

    Raises:
        UserError: there are no parameters or no MACs.
    """
    if params <= 0 or macs <= 0:
        raise UserError(f"NetScore needs parameters and MACs above 0, and was given {params:g} M and {macs:g} G")
    return accuracy_db(accuracy) - 10 * math.log10(params) - 10 * math.log10(macs)


def accuracy_db(accuracy: float) -> float:
    """What accuracy (percent) gives to the score, in dB."""
    return 40 * math.log10(max(accuracy, LEAST_ACCURACY))


def netscore_of(accuracy: float, census: Census) -> float:
    """U of a network, in dB, from its validation accuracy (percent) and its counts; see `FORMULA`."""
    return net_score(accuracy, census.params / 1e6, census.macs / 1e9)


@dataclass(frozen=True)
class Requirements:
    """Hard operational requirements, all of which a network must meet.

    Attributes:
        min_accuracy: floor on validation accuracy, percent.
        limits: {name of an amount: most that is allowed}.
        amount: how much a network has of what a limit names, by its census: a total of that, or what is predicted.
    """

    min_accuracy: float
    limits: dict[str, float]
    amount: Callable[[Census, str], float] = getattr

    def violation(self, accuracy: float, census: Census) -> float:
        """0 where all are met, else by what shares of themselves they are missed, added up."""
        missed = max(0.0, self.min_accuracy - accuracy) / max(self.min_accuracy, 1.0)
        return missed + sum(max(0.0, self.amount(census, name) / most - 1) for name, most in self.limits.items())

    def rank(self, accuracy: float, census: Census) -> tuple[bool, float]:
        """For comparisons: any feasible network is above any other; then U counts, or how little is missed."""
        violation = self.violation(accuracy, census)
        return (True, netscore_of(accuracy, census)) if violation == 0 else (False, -violation)
