"""One measurement at a time: real processes, a real lock."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from edgesynth.benchmark.measure.lock import PLACE, alone_on_this_machine
from edgesynth.errors import UserError

HOLD = "import sys\nfrom edgesynth.benchmark.measure.lock import alone_on_this_machine as alone\n"
HOLD += "with alone():\n    print('held', flush=True)\n    sys.stdin.read()\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(PLACE, str(tmp_path / "lock"))
    return tmp_path / "lock"


@pytest.fixture
def holder(place):
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_measurement_is_told_which_process_holds_the_machine_and_since_when(holder, edgesynth, bundle):
    code, out, err = edgesynth("benchmark", bundle, "--duration-s", "0.05")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert f"another edgesynth benchmark measures on this machine (pid {holder.pid}" in err
    assert f", since {today} " in err
    assert not (bundle / "result.json").exists()


def test_the_lock_goes_with_a_process_that_is_killed(holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with alone_on_this_machine():
        pass


def test_the_lock_is_free_again_after_an_error_within_it(place):
    with pytest.raises(ZeroDivisionError), alone_on_this_machine():
        raise ZeroDivisionError
    with alone_on_this_machine():
        assert json.loads(place.read_text())["pid"].split()[0] == str(os.getpid())


def test_any_user_may_take_it_whatever_the_umask(place):
    before = os.umask(0o077)
    try:
        with alone_on_this_machine():
            pass
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o666


def test_a_holder_that_does_not_tell_is_no_traceback(holder, place):
    place.write_text("nonsense")
    with pytest.raises(UserError, match=r"\(it does not say which process\)"), alone_on_this_machine():
        pass


def test_a_link_in_its_place_is_not_followed(place, tmp_path):
    (tmp_path / "precious").write_text("kept")
    place.symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match=r"can be made nowhere .* set EDGESYNTH_LOCK"), alone_on_this_machine():
        pass
    assert (tmp_path / "precious").read_text() == "kept"
