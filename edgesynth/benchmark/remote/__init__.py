"""Measure on another machine: what it needs is sent there by ssh, the result comes back, nothing is left behind.

There: Python 3.6 or newer with numpy and an engine (or docker with the board's image); edgesynth itself is sent. Here:
the system's ssh, with keys, `~/.ssh/config` and known hosts as they are. One connection carries everything:

    here                                        there (`edgesynth.benchmark.service`)
    ssh ... python3 -c bootstrap  ----------->  bootstrap.py: receives the application, a zip file that Python runs
    order: files with their sums  ----------->  serving.py: makes a folder, says which files it lacks
    those files                   ----------->  store.py: kept by their sum, for the next time
    beats                         ----------->  worker.py in a process of its own: measures
    Ctrl-C, among the beats       ----------->  and is stopped as it would be here, with what it has by then
    lines, then the result        <-----------  serving.py: the folder is removed

Where the connection ends, or its beats stop, the worker is ended and the folder removed.
"""

from typing import Any, Callable, Dict

from edgesynth.benchmark.measure.options import Options, measure_here
from edgesynth.benchmark.remote.address import LOCAL, parse_address
from edgesynth.benchmark.remote.client import measure_by_ssh
from edgesynth.errors import UserError

__all__ = ["LOCAL", "Options", "measure_on"]


def measure_on(
    on: str,
    bundle: str,
    options: Options = Options(),  # noqa: B008  (a NamedTuple does not change)
    announce: Callable[[str], Any] = lambda line: None,
) -> Dict[str, Any]:
    """Measure a bundle or a bare ONNX file, here or on another machine.

    Args:
        on: `local`, or `ssh://user@host[:port]`.
        bundle: the bundle's folder or the file, on this machine.
        options: what is asked for.
        announce: called with each line of progress.

    Returns:
        The result, as `result.write_result` writes it.

    Raises:
        UserError: the bundle or an option is wrong; or the other machine cannot be reached, lacks something, refuses,
            or went away: one line says which, and nothing is left running there.
        InterruptedRunError: Ctrl-C during the timing, here or there with what was measured.
    """
    if on == LOCAL:
        if options.docker or options.python != Options().python:
            raise UserError(
                "--docker and --remote-python are for another machine: give --on ssh://user@host too "
                "(in the container of this one: jetson/run.sh)"
            )
        return measure_here(bundle, options, announce)
    return measure_by_ssh(parse_address(on), bundle, options, announce)
