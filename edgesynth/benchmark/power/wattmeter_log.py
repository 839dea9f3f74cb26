"""The log of an external wattmeter: a CSV file with a time and a power in each row."""

import calendar
import csv
import math
import os
import re
import time
from typing import List, NamedTuple, Optional, Tuple

from edgesynth.benchmark.power.integral import Point
from edgesynth.errors import UserError

MOST_BYTES = 1 << 28
_TIMES, _POWERS = ("timestamp", "time"), ("watts", "power_w")
_LEAST_ROWS = 3
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)$")
_FORM = "rows of timestamp,watts with that header line, such as 1700000000.5,7.25 or 2026-01-31T12:00:00.5Z,7.25"


class Log(NamedTuple):
    """A log that was read.

    Attributes:
        points: (seconds since the epoch, power in mW), in the order of time.
        period_s: median time between two rows.
    """

    points: List[Point]
    period_s: float


def read_log(path: str) -> Log:
    """Read a log.

    Args:
        path: of a CSV file whose header line names a column `timestamp` (or `time`; seconds since the epoch, or ISO
            8601 with a time zone) and a column `watts` (or `power_w`); others are not looked at. A last line without
            its end is still being written and left out.

    Raises:
        UserError: there is no such file, or it is no such log; the message names the line.
    """
    lines = _lines(path)
    rows = csv.reader(lines)
    time_column, power_column = _columns(path, next(rows, []))
    points: List[Point] = []
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) <= max(time_column, power_column):
            raise _bad(path, number, "it has {} columns".format(len(row)))
        moment_s, power_w = _moment_s(row[time_column].strip()), _number(row[power_column].strip())
        if moment_s is None:
            raise _bad(
                path,
                number,
                "{!r} is no time (seconds since the epoch, or ISO 8601 with Z or an offset)".format(row[time_column]),
            )
        if power_w is None or power_w < 0:
            raise _bad(path, number, "{!r} is no power in watts, 0 or more".format(row[power_column]))
        if points and moment_s <= points[-1][0]:
            raise _bad(path, number, "its time is not after that of the row before")
        points.append((moment_s, 1e3 * power_w))
    if len(points) < _LEAST_ROWS:
        raise UserError(
            "--wattmeter {} has {} rows and at least {} are needed before a run; start the wattmeter's log "
            "first".format(path, len(points), _LEAST_ROWS)
        )
    gaps_s = sorted(b[0] - a[0] for a, b in zip(points, points[1:]))
    return Log(points, gaps_s[len(gaps_s) // 2])


def _lines(path: str) -> List[str]:
    if not os.path.isfile(path):
        raise UserError(
            "--wattmeter {} is not a file; give the CSV file that the wattmeter's log is written to".format(path)
        )
    if os.path.getsize(path) > MOST_BYTES:
        raise UserError("--wattmeter {} is larger than {} MB; start a new log".format(path, MOST_BYTES >> 20))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "--wattmeter {} cannot be read ({}); it must be a CSV file: {}".format(path, error, _FORM)
        ) from None
    if "\0" in text:
        raise UserError("--wattmeter {} is no text; it must be a CSV file: {}".format(path, _FORM))
    lines = text.splitlines(True)
    return lines if not lines or lines[-1].endswith(("\n", "\r")) else lines[:-1]


def _columns(path: str, header: List[str]) -> Tuple[int, int]:
    names = [name.strip().lower() for name in header]
    places = [next((names.index(name) for name in choice if name in names), None) for choice in (_TIMES, _POWERS)]
    if places[0] is None or places[1] is None:
        raise UserError("--wattmeter {} begins with {!r}; it must have {}".format(path, ",".join(header)[:80], _FORM))
    return places[0], places[1]


def _moment_s(text: str) -> Optional[float]:
    match = _ISO.match(text)
    if match is None:
        return _number(text)
    day, clock, fraction, zone = match.groups()
    try:
        whole = calendar.timegm(time.strptime(day + " " + clock, "%Y-%m-%d %H:%M:%S"))
    except ValueError:  # the 31st of June
        return None
    east_s = 0 if zone == "Z" else int(zone[0] + "1") * (3600 * int(zone[1:3]) + 60 * int(zone[-2:]))
    return whole + float(fraction or 0) - east_s


def _number(text: str) -> Optional[float]:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bad(path: str, line: int, why: str) -> UserError:
    return UserError("--wattmeter {}, line {}: {}; it must have {}".format(path, line, why, _FORM))
