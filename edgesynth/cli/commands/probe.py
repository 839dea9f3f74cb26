"""`edgesynth probe`: the time of a model's layers by their width, on this machine (Python 3.6)."""

from typing import Optional, Tuple

import click

from edgesynth import defaults
from edgesynth.cli.options.shared_options import engine_option, output_options
from edgesynth.cli.terminal.output import print_json, print_line, print_lines, print_note

_LADDER = ("finest", "input_widths", "each_s", "warm_up_s")


@click.command(name="probe")
@click.argument("model", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="The table; it is resumed if it exists. --grid has one in ~/.cache.",
)
@click.option("--grid", is_flag=True, help="Measure widths of input and output, and what lies beside the layers.")
@click.option(
    "--from",
    "profiles",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    help="Measure nothing: read a result of benchmark --profile, or JSON of trtexec (--exportProfile, --exportTimes).",
)
@engine_option
@click.option("--precision", help="fp32, fp16 or int8.  [default: fp16 where the engine has it, else fp32]")
@click.option("--batch", default=defaults.PROBE_BATCH, show_default=True, help="Images per inference.")
@click.option(
    "--duration-s",
    default=defaults.PROBE_DURATION_S,
    show_default=True,
    help="After these seconds no more widths are begun.",
)
@click.option(
    "--finest",
    default=defaults.PROBE_FINEST,
    show_default=True,
    help="Channels between two widths that are near enough.",
)
@click.option(
    "--input-widths",
    default=defaults.PROBE_INPUT_WIDTHS,
    show_default=True,
    help="Widths of its input to measure each layer at.",
)
@click.option("--each-s", default=defaults.PROBE_EACH_S, show_default=True, help="Timed seconds for each width.")
@click.option(
    "--warm-up-s", default=defaults.PROBE_WARM_UP_S, show_default=True, help="Untimed seconds before, for each."
)
@click.option("--threads", default=defaults.PROBE_THREADS, show_default=True, help="Threads of the engine.")
@output_options
@click.pass_context
def command(
    context: click.Context,
    model: str,
    output: Optional[str],
    grid: bool,
    profiles: Tuple[str, ...],
    engine: Optional[str],
    precision: Optional[str],
    batch: int,
    duration_s: float,
    finest: int,
    input_widths: int,
    each_s: float,
    warm_up_s: float,
    threads: int,
    as_json: bool,
) -> None:
    """Measure the layers of MODEL at a ladder of widths on this machine.

    MODEL is the folder that `edgesynth export` wrote, or a plain .onnx file. Coarse widths of every layer come before
    fine ones; each is in the table as soon as it is measured. The table is resumed if it exists.
    The table is for `edgesynth plan --probe`.

    With --grid, ONNX Runtime's layers are measured at widths of their input and of their output, as they stand in a
    network, and what lies beside them too: the times of any narrower network add up to its own. One grid for each
    machine, engine, precision, threads and batch is kept in the user's cache, and a probe adds what is missing.

    With --from, a profile of a whole engine is joined with MODEL's layers and cluster groups, and printed; -o keeps
    that of a result as such a table, with the one width that each layer has.
    """
    # Imported here, so that --help does not wait for numpy.
    from edgesynth.benchmark.bundle.bundle import open_target
    from edgesynth.benchmark.probe.probing import probe
    from edgesynth.benchmark.probe.settings import ProbeSettings
    from edgesynth.benchmark.probe.summary import format_summary, summary_json

    if profiles:
        _from_profiles(context, model, output, profiles, precision, as_json)
        return
    if grid:
        _grid(context, model, output, engine, precision, batch, duration_s, threads, as_json)
        return
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    settings = ProbeSettings(duration_s, each_s, warm_up_s, finest, input_widths, batch, threads)
    probed = probe(open_target(model), output, engine, precision, settings, announce=print_note)
    if as_json:
        print_json(summary_json(output, probed))
        return
    print_lines(format_summary(probed))
    print_line("written: {}".format(output))


def _from_profiles(
    context: click.Context,
    model: str,
    output: Optional[str],
    profiles: Tuple[str, ...],
    precision: Optional[str],
    as_json: bool,
) -> None:
    from edgesynth.benchmark.bundle.bundle import open_target
    from edgesynth.benchmark.probe.from_profile import lines_of, tell, write_table

    others = [name for name in (*_LADDER, "grid", "engine", "batch", "duration_s", "threads") if _given(context, name)]
    if others:
        option = "--" + others[0].replace("_", "-")
        raise click.UsageError("{} is of a measurement, and --from measures nothing; leave it out".format(option))
    target = open_target(model, samples=False)
    files = [tell(target, path, precision) for path in profiles]
    table = write_table(output, target, files) if output is not None else None
    if as_json:
        print_json({"table": output, "files": [told.to_json() for told in files]})
        return
    print_lines(line for told in files for line in lines_of(told))
    if table is not None:
        print_line("written: {}".format(output))


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) != click.core.ParameterSource.DEFAULT


def _grid(
    context: click.Context,
    model: str,
    output: Optional[str],
    engine: Optional[str],
    precision: Optional[str],
    batch: int,
    duration_s: float,
    threads: int,
    as_json: bool,
) -> None:
    from edgesynth.benchmark.bundle.bundle import open_target
    from edgesynth.benchmark.probe.grid.measuring import probe_grid
    from edgesynth.benchmark.probe.grid.settings import GridSettings
    from edgesynth.benchmark.probe.grid.summary import format_grid_summary, grid_summary_json

    given = [name for name in _LADDER if _given(context, name)]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise click.UsageError("{} is of the ladder of widths and not of --grid; leave one of them out".format(option))
    settings = GridSettings(duration_s=duration_s, batch=batch, threads=threads)
    measured = probe_grid(open_target(model), output, engine, precision, settings, announce=print_note)
    if as_json:
        print_json(grid_summary_json(measured))
        return
    print_lines(format_grid_summary(measured))
    print_line("written: {}".format(measured.path))
