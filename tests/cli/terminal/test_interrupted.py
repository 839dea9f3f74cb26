import contextlib
import io
import signal

import pytest
from rich.console import Console

import edgesynth.cli
from edgesynth.cli.terminal.interruption import Interruption
from edgesynth.cli.terminal.progress import progress_on


def reported(**_):
    raise RuntimeError("KeyboardInterrupt: <EMPTY MESSAGE>")


def wrapped(**_):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise RuntimeError("the export failed")  # noqa: B904


@pytest.mark.parametrize("run", [reported, wrapped])
def test_ctrl_c_that_a_library_reports_as_its_own_error_is_still_ctrl_c(monkeypatch, capsys, run):
    monkeypatch.setattr(edgesynth.cli, "group", run)
    with pytest.raises(SystemExit) as stop:
        edgesynth.cli.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "edgesynth: stopped by Ctrl-C; what had finished is kept\n"


def test_another_error_is_not_taken_for_ctrl_c(monkeypatch):
    def run(**_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(edgesynth.cli, "group", run)
    with pytest.raises(RuntimeError, match="a bug"):
        edgesynth.cli.main()


@pytest.fixture
def heeded():
    """A job in the background is started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_that_a_library_swallows_stops_the_run_at_the_next_epoch():
    with (
        Interruption() as interruption,
        progress_on(Console(file=io.StringIO()), interruption.check) as progress,
    ):
        progress.epoch("g000-c0", 1, 0.5)
        with contextlib.suppress(KeyboardInterrupt):  # the library
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            progress.epoch("g000-c0", 2, 0.4)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_that_compiled_code_turns_into_another_error_is_still_ctrl_c():
    with pytest.raises(KeyboardInterrupt) as stop, Interruption():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ValueError("could not determine the shape of object type 'torch.storage.UntypedStorage'")
    assert isinstance(stop.value.__cause__, ValueError)


@pytest.mark.usefixtures("heeded")
def test_an_error_without_ctrl_c_leaves_as_it_is():
    with pytest.raises(ValueError, match="a bug"), Interruption():
        raise ValueError("a bug")


def test_ctrl_c_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            interruption.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not interruption.seen
