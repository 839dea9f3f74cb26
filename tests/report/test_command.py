import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgesynth.cli.commands.report import command


@pytest.fixture
def called(edgesynth, tmp_path):
    """Run the command in an empty folder: (exit code, stdout, stderr)."""

    def call(*arguments):
        done = edgesynth(*arguments, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return call


def test_the_command_prints_the_main_line_and_last_the_path_of_the_page(called, run):
    code, out, err = called("report", run.path)
    assert (code, err) == (0, "")
    *table, path = out.splitlines()
    assert path == str(run.path / "report.html") and Path(path).is_file()
    assert table[0].split("  ")[0] == "individual" and table[0].split()[-3:] == ["clu", "x", "ms"]
    assert [line.split() for line in table[1:]] == [
        ["g000-c0", "98.67", "430,500", "580", "2,293,000", "1.00", "1.00", "0.800"],
        ["g001-c0", "98.33", "114,100", "409", "1,185,100", "3.77", "1.42", "0.500"],
        ["g002-c1", "98.00", "59,000", "295", "646,500", "7.30", "1.97", "0.320"],
    ]
    assert max(map(len, table)) <= 80


def test_what_was_not_measured_is_a_dash_on_the_console(unmeasured_run):
    out = CliRunner().invoke(command, [str(unmeasured_run.path)], catch_exceptions=False).output
    assert [line.split()[-1] for line in out.splitlines()[1:-1]] == ["–", "–", "–"]


def test_a_folder_that_is_no_run_is_refused_in_one_line(called, tmp_path):
    code, out, err = called("report", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("edgesynth: ") and "is not a run" in err
    assert err.count("\n") == 1


def test_a_run_with_nothing_finished_is_refused_in_one_line_and_gets_no_page(called, empty_run):
    code, out, err = called("report", empty_run.path)
    assert (code, out) == (2, "")
    assert err.startswith("edgesynth: ") and "no finished individual yet" in err and err.count("\n") == 1
    assert not (empty_run.path / "report.html").exists()


def test_help_does_not_wait_for_torch(called):
    code, out, _ = called("report", "--help")
    assert code == 0 and "RUN/report.html" in out
    check = "import sys, edgesynth.cli.commands.report; print({'torch', 'matplotlib', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=120)
    assert done.stdout == "set()\n"


def test_an_individual_without_its_record_is_left_out_and_said_to_be(called, unmeasured_run):
    name = unmeasured_run.names()[-1]
    (unmeasured_run.folder(name) / "individual.json").unlink()
    code, _, err = called("report", unmeasured_run.path)
    assert (code, err) == (0, f"{name} is left out: it is not finished, for it has no individual.json\n")
    assert f"Not finished, and left out: {name}." in (unmeasured_run.path / "report.html").read_text()


def test_a_record_that_is_a_link_to_nowhere_is_damage_and_no_individual_less(called, unmeasured_run):
    record = unmeasured_run.folder(unmeasured_run.names()[-1]) / "individual.json"
    record.unlink()
    record.symlink_to("nowhere")
    code, out, err = called("report", unmeasured_run.path)
    assert (code, out) == (2, "") and f"{record} is damaged: it is missing" in err
