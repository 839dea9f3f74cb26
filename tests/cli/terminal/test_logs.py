"""How much a command says: `--quiet`, `--verbose`, `--debug`, before the command or after it."""

import logging

import pytest

from edgesynth.cli.terminal.logs import LOG, reset_logs

TINY = [
    "--ancestor-epochs",
    1,
    "--epochs",
    1,
    "--final-epochs",
    1,
    "--generations",
    1,
    "--offspring",
    1,
    "--threads",
    1,
]
TINY = ["evolve", *TINY, "--min-accuracy", 0, "--strength", "magnitude"]


@pytest.fixture
def own_level():
    yield
    reset_logs()


def test_a_mistake_is_one_line_and_with_debug_its_traceback_comes_first(edgesynth, refused, tmp_path):
    refused(edgesynth("anatomy", "nope", cwd=tmp_path), "there is no ancestor 'nope'")
    for arguments in (["--debug", "anatomy", "nope"], ["anatomy", "nope", "--debug"]):
        result = edgesynth(*arguments, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        lines = result.stderr.splitlines()
        assert any(line == "Traceback (most recent call last):" for line in lines)
        assert lines[-1].startswith("edgesynth: there is no ancestor 'nope'")


def test_what_is_done_is_logged_with_verbose_alone(edgesynth, tmp_path):
    plain = edgesynth("anatomy", "lenet5", cwd=tmp_path)
    verbose = edgesynth("anatomy", "lenet5", "-v", cwd=tmp_path)
    assert plain.stderr == "" and plain.stdout == verbose.stdout
    assert "edgesynth.anatomy.trace: traced LeNet5: 4 cluster groups" in verbose.stderr


def test_quiet_leaves_results_and_no_progress(edgesynth, tmp_path):
    quiet = edgesynth("-q", *TINY, "--run", "quiet", cwd=tmp_path)
    assert quiet.returncode == 0 and quiet.stderr == ""
    assert [line.split(":")[0] for line in quiet.stdout.splitlines()] == ["Stopped", "Best", "Pareto front", "Next"]


@pytest.mark.usefixtures("own_level")
def test_names_in_log_lines_are_shown_as_they_are(capsys):
    reset_logs()
    LOG.setLevel(logging.INFO)
    logging.getLogger("edgesynth.some").info("read %s", "a\x1b[2Jb")
    assert capsys.readouterr().err.endswith(" edgesynth.some: read a\\x1b[2Jb\n")


@pytest.mark.usefixtures("own_level")
def test_nothing_is_logged_by_default(capsys):
    reset_logs()
    logging.getLogger("edgesynth.some").info("read")
    assert capsys.readouterr().err == ""
