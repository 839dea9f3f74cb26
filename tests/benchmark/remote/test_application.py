"""The application that is sent."""

import io
import os
import subprocess
import sys
import zipfile

from edgesynth.benchmark.remote.application import application, bootstrap_of


def test_its_bytes_do_not_hang_on_when_the_files_were_written(tmp_path):
    code = (
        "import sys; from edgesynth.benchmark.remote.application import application as a; sys.stdout.buffer.write(a())"
    )
    import edgesynth

    subprocess.run(["cp", "-r", os.path.dirname(edgesynth.__file__), tmp_path], check=True)
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    again = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, check=True
    )
    assert again.stdout == application()


def test_it_holds_what_a_board_runs_and_nothing_else():
    names = zipfile.ZipFile(io.BytesIO(application())).namelist()
    rooms = {tuple(name.split("/")[:2]) for name in names}
    files = ("__init__", "children", "defaults", "errors", "printable", "text_table")
    packages = ("benchmark", "boards", "files", "metrics")
    assert rooms == {
        ("__main__.py",),
        *(("edgesynth", f"{name}.py") for name in files),
        *(("edgesynth", name) for name in packages),
    }
    assert "edgesynth/benchmark/service/run.sh" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_bootstrap_has_nothing_that_a_shell_could_mistake():
    code = bootstrap_of(application())
    assert not set(code) & set('"$`!\\\n')
    assert code.count("'") == 2


def test_until_the_worker_starts_only_the_standard_library_is_needed(tmp_path):
    (tmp_path / "application.pyz").write_bytes(application())
    code = (
        "import sys; sys.path[0] = sys.argv[1]; import edgesynth.benchmark.service.serving as one; print(one.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, tmp_path / "application.pyz"], capture_output=True, text=True
    )
    assert done.stdout.startswith(str(tmp_path)), done.stderr
