"""The time of each node by ONNX Runtime's own profiler, from the JSON file that a session writes at its end."""

import json
import os
import tempfile
from typing import Any, Callable, Dict, List

from edgesynth.errors import UserError

WARM_UP, RUNS = 10, 50
_KERNEL = "_kernel_time"


def layer_times_ms(open_session: Callable[[str], Any], run: Callable[[Any], Any]) -> Dict[str, List[float]]:
    """Times of each node, ms, in the order in which they first ran.

    Args:
        open_session: opens a session that profiles into files of a prefix.
        run: runs such a session once.

    Raises:
        UserError: the profile holds no times.
    """
    with tempfile.TemporaryDirectory(prefix="edgesynth-profile-") as folder:
        session = open_session(os.path.join(folder, "nodes"))
        for _ in range(WARM_UP + RUNS):
            run(session)
        with open(session.end_profiling(), encoding="utf-8") as file:
            events = json.load(file)
    times: Dict[str, List[float]] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_KERNEL):
            times.setdefault(name[: -len(_KERNEL)], []).append(event["dur"] / 1e3)
    if not times:
        raise UserError("the profile of ONNX Runtime holds no times of nodes; leave --profile out")
    return {name: spans_ms[WARM_UP:] or spans_ms for name, spans_ms in times.items()}
