"""`edgesynth benchmark`: latency, throughput, energy and accuracy of a bundle, here or by ssh (Python 3.6)."""

from typing import Any, Dict, Optional, Tuple

import click

from edgesynth import defaults
from edgesynth.benchmark.engines.ways import MEMORIES, Ways
from edgesynth.benchmark.timing.scenarios import SCENARIOS
from edgesynth.cli.options.shared_options import engine_option, output_options
from edgesynth.cli.terminal.output import print_json, print_lines, print_note
from edgesynth.errors import UserError


@click.command(name="benchmark")
@click.argument("bundle", type=click.Path())
@engine_option
@click.option("--precision", metavar="LIST", help="E.g. fp32,int8.  [default: all that the bundle has]")
@click.option("--batch", metavar="LIST", help="Images per inference, e.g. 1,8.  [default: 1, or as BUNDLE is fixed]")
@click.option(
    "--duration-s", default=defaults.DURATION_S, show_default=True, help="Timed seconds for each precision and batch."
)
@click.option("--warm-up-s", default=defaults.WARM_UP_S, show_default=True, help="Untimed seconds before, for each.")
@click.option(
    "--steady-s",
    default=defaults.STEADY_S,
    show_default=True,
    help="Where energy is measured: at most so long until power and temperature are steady; 0: no wait.",
)
@click.option("--idle-s", type=float, help="Seconds of rest before, for idle power; 0: none.  [default: --duration-s]")
@click.option("--threads", default=defaults.THREADS, show_default=True, help="Threads of the engine.")
@click.option(
    "--scenario", default=defaults.SCENARIO, show_default=True, help="One of: {}.".format(", ".join(SCENARIOS))
)
@click.option("--wait", help="How the CPU waits for a GPU: spin or block.  [default: spin]")
@click.option("--calibrate", help="Ranges of int8: ranges or samples.  [default: ranges.json if there, else samples]")
@click.option(
    "--rebuilds",
    metavar="N",
    type=int,
    default=defaults.REBUILDS,
    help="Build each model N times more, and say how much builds differ.",
)
@click.option(
    "--wattmeter", metavar="FILE.csv", help="The log (timestamp,watts) that an external wattmeter writes meanwhile."
)
@click.option("--memory", help="Where inputs and outputs lie: {}.  [default: pinned]".format(", ".join(MEMORIES)))
@click.option("--cuda-graph", is_flag=True, help="Launch all kernels of an inference as one CUDA graph.")
@click.option(
    "--streams", default=defaults.STREAMS, show_default=True, help="Inferences at the same time, for throughput."
)
@click.option("--profile", is_flag=True, help="Then time each layer too, and sum the times by cluster group.")
@click.option("-o", "--output", type=click.Path(), help="The result file.  [default: BUNDLE/result.json]")
@click.option("--on", metavar="WHERE", help="local or ssh://user@host[:port].  [default: local]")
@click.option(
    "--docker",
    is_flag=True,
    help="With --on ssh://: in the board's container; its image is edgesynth:r32.7.1, or $EDGESYNTH_IMAGE.",
)
@click.option(
    "--remote-python",
    help="With --on ssh://: the Python to use there, a name on its PATH or a path.  [default: {}]".format(
        defaults.PYTHON
    ),
)
@output_options
def command(
    bundle: str,
    engine: Optional[str],
    precision: Optional[str],
    batch: Optional[str],
    output: Optional[str],
    on: Optional[str],
    remote_python: Optional[str],
    memory: Optional[str],
    cuda_graph: bool,
    streams: int,
    profile: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Measure latency, throughput, energy and accuracy on this machine, or on another.

    BUNDLE is the folder that `edgesynth export` wrote, or a bare .onnx file.

    Another machine needs Python 3.6 or newer with numpy and TensorRT or ONNX Runtime, or docker and the board's image:
    edgesynth and BUNDLE are sent there by ssh, and what runs there ends with the connection, or with Ctrl-C, which
    brings back what was measured until then.
    """
    # Imported here, so that --help does not wait for numpy.
    from edgesynth.benchmark.bundle.bundle import check_target
    from edgesynth.benchmark.measure.run import InterruptedRunError
    from edgesynth.benchmark.remote import LOCAL, Options, measure_on
    from edgesynth.benchmark.result.result import check_destination, default_path

    options = Options(
        engine,
        None if precision is None else _names("--precision", precision),
        None if batch is None else _numbers("--batch", batch),
        ways=Ways(memory, cuda_graph, streams, profile),
        python=Options().python if remote_python is None else remote_python,
        **how,
    )
    options.settings()
    check_target(bundle)
    output = output or default_path(bundle)
    check_destination(output)
    try:
        result = measure_on(LOCAL if on is None else on, bundle, options, announce=print_note)
    except InterruptedRunError as stop:
        _show(output, stop.result, as_json)
        raise
    _show(output, result, as_json)


def _show(output: str, result: Dict[str, Any], as_json: bool) -> None:
    from edgesynth.benchmark.result.result import write_result
    from edgesynth.benchmark.result.table import format_table

    write_result(output, result)
    written = "written: {}".format(output)
    if as_json:
        print_json(result)
        print_note(written)
    else:
        print_lines([*format_table(result), written])


def _names(option: str, text: str) -> Tuple[str, ...]:
    """Names separated by commas, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UserError("{} is {!r}; give names separated by commas, e.g. fp32,int8".format(option, text))
    return names


def _numbers(option: str, text: str) -> Tuple[int, ...]:
    """Whole numbers separated by commas, each once."""
    try:
        return tuple(dict.fromkeys(int(number) for number in text.split(",")))
    except ValueError:
        raise UserError(
            "{} is {!r}; give whole numbers of at least 1 separated by commas, e.g. 1,8".format(option, text)
        ) from None
