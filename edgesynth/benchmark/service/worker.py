"""The application's own side: a process that measures one bundle by an order and writes the result.

Its arguments are of the form that `edgesynth benchmark` has, because run.sh hands them into the container as they are:
`benchmark TARGET --order JSON -o RESULT`. Lines of progress go to stdout, what was wrong to stderr.
"""

import argparse
import errno
import json
import sys
from typing import Any, Dict

from edgesynth.errors import UserError

_MENDABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


def main() -> None:
    """Measure; end with 0, with 2 (a user's mistake, in one line), or as Python does at an error of ours."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["benchmark"])
    parser.add_argument("target")
    parser.add_argument("--order", type=json.loads, required=True)
    parser.add_argument("-o", "--output", required=True)
    given = parser.parse_args()
    try:
        _measure(given.target, given.order, given.output)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _MENDABLE:
            raise
        print("{} cannot be written there: {}".format(error.filename or "the result", error.strerror), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _measure(target: str, order: Dict[str, Any], output: str) -> None:
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        why = str(error).strip().splitlines() or ["no reason given"]
        raise UserError(
            "numpy cannot be imported by {0} there ({1}); install it: {0} -m pip install numpy, or name another Python "
            "with --remote-python".format(sys.executable, why[-1])
        ) from None
    from edgesynth.benchmark.measure.options import Options, measure_here
    from edgesynth.benchmark.measure.run import InterruptedRunError
    from edgesynth.benchmark.result.result import write_result

    options = Options(**order)
    try:
        result = measure_here(target, options, announce=lambda line: print(line, flush=True))
    except InterruptedRunError as stop:
        write_result(output, stop.result)
        raise
    write_result(output, result)
