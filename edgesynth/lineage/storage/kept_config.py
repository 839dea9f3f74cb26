"""The configuration that a run directory keeps: read back only as it was written.

A file that was cut short would be read as one that leaves options to their defaults, and the run would be bred on by
these. So it ends with the sha256 of its content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgesynth.config import SEAL, Config, parse_toml, resolve
from edgesynth.errors import UserError
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.lineage.storage.reading import DamagedError, read_file
from edgesynth.lineage.storage.sealed import digest

FILE = "config.toml"


def write_kept(run: Path, config: Config) -> None:
    """Write the configuration of a run, the sha256 of its content last."""
    text = config.to_toml()
    write_bytes(run / FILE, f'{text}{SEAL} = "{digest(parse_toml(text.encode()))}"\n'.encode())


def read_kept(run: Path) -> Config:
    """The configuration that a run directory keeps, as it was written.

    Raises:
        DamagedError: its config.toml was cut short or changed.
        UserError: there is none, an older edgesynth wrote it, or it cannot be read.
    """
    path = run / FILE
    if not path.is_file():
        raise UserError(f"{run} is not a run: it has no {FILE}; give the folder that edgesynth evolve --run made")
    advice = (
        f"put it back from a copy; without one, edgesynth evolve --run {run} --resume with every option that the run "
        "was started with writes it anew, if its individuals were bred by these"
    )
    try:
        data = parse_toml(read_file(path))
    except ValueError as error:
        raise DamagedError(path, f"it is no TOML ({error})", advice) from None
    except DamagedError as error:
        raise DamagedError(path, error.why, advice) from None
    known, version = Config.model_fields["schema_version"].default, data.get("schema_version")
    if isinstance(version, int) and version != known:
        raise UserError(
            f"{path} has schema_version {version} and this edgesynth reads {known}: another release made this run; "
            "use that one, or breed it again with another --run"
        )
    if SEAL not in data:
        raise DamagedError(path, "it was cut short: the sha256 of its content, its last line, is missing", advice)
    values = {name: value for name, value in data.items() if name != SEAL}
    if data[SEAL] != _digest(values):
        raise DamagedError(
            path,
            "it was changed since it was written (what may be changed in a run is given with --resume as an option)",
            advice,
        )
    return resolve(None, values)


def _digest(values: dict[str, Any]) -> str:
    try:
        return digest(values)
    except (TypeError, RecursionError):  # a date, which no option is
        return ""
