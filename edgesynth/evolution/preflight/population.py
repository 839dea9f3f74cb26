"""Whether the numbers of a generation fit together: offspring, survivors, parents, and who shares them out."""

from __future__ import annotations

from edgesynth.errors import UserError
from edgesynth.lineage import Config


def check_population(config: Config) -> None:
    """Refuse more survivors than offspring, or more parents than a generation nurtures in full.

    Raises:
        UserError: it is so.
    """
    if config.proxy_epochs and config.survivors > config.offspring:
        raise UserError(
            f"--survivors is {config.survivors} and a generation has {config.offspring} offspring; "
            "it must be at most that: raise --offspring, or lower --survivors"
        )
    nurtured, option = (config.survivors, "--survivors") if config.proxy_epochs else (config.offspring, "--offspring")
    if config.parents > nurtured:
        raise UserError(
            f"--parents is {config.parents} and only {nurtured} of a generation are nurtured in full; parents come "
            f"from the generation before: raise {option} to at least {config.parents}, or lower --parents"
        )


def check_shared_out(config: Config, in_process: bool) -> None:
    """Refuse an executor that shares out a generation of one.

    Args:
        config: the run's.
        in_process: whether individuals are nurtured in this process.

    Raises:
        UserError: it is so.
    """
    if config.strategy == "generative" and not in_process:
        raise UserError(
            "--strategy generative breeds one individual a generation, from what the last one left in the run: "
            "there is nothing to share out; use --executor process"
        )
