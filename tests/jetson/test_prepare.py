"""`jetson/prepare.sh`: the state is stored before it is changed, and comes back as it was."""

import pytest


def test_the_mode_is_set_before_the_clocks_are_pinned_and_after_they_are_stored(host):
    code, out, err = host.call("prepare.sh", "--mode", "maxn")
    assert (code, err) == (0, "")
    stored = host.files / "var/lib/edgesynth/clocks"
    assert host.log() == [f"jetson_clocks --store {stored}", "nvpmodel -m 0", "jetson_clocks "]
    assert (host.state("mode"), host.state("clocks")) == ("0", "max of mode 0")
    assert "mode: 0, clocks: pinned" in out


def test_the_model_is_written_where_a_container_can_have_it(host):
    host.call("prepare.sh", "--mode", "maxn")
    assert (host.files / "tmp/nv_jetson_model").read_bytes() == b"NVIDIA Jetson TX2"


def test_restore_puts_back_mode_and_clocks_and_leaves_nothing_behind(host):
    host.call("prepare.sh", "--mode", "maxn")
    code, _, err = host.call("prepare.sh", "--restore")
    assert (code, err) == (0, "")
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")
    assert list((host.files / "var/lib/edgesynth").iterdir()) == []
    assert not (host.files / "tmp/nv_jetson_model").exists()


def test_prepared_twice_still_restores_what_was_found_first(host):
    host.call("prepare.sh", "--mode", "maxn")
    code, _, _ = host.call("prepare.sh", "--mode", "MAXQ")
    assert code == 0
    assert (host.state("mode"), host.state("clocks")) == ("1", "max of mode 1")
    host.call("prepare.sh", "--restore")
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")


def test_a_mode_may_be_given_by_its_number(host):
    assert host.call("prepare.sh", "--mode", "1")[0] == 0
    assert host.state("mode") == "1"


def test_keep_pins_the_clocks_of_the_mode_that_is_set(host):
    (host.files / "etc/nvpmodel.conf").unlink()
    code, _, _ = host.call("prepare.sh", "--mode", "keep")
    assert code == 0
    assert (host.state("mode"), host.state("clocks")) == ("3", "max of mode 3")
    host.call("prepare.sh", "--restore")
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")


def test_a_mode_set_after_keep_is_restored_too(host):
    host.call("prepare.sh", "--mode", "keep")
    host.call("prepare.sh", "--mode", "maxn")
    host.call("prepare.sh", "--restore")
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")


def test_an_unknown_mode_is_refused_with_those_of_the_board_and_nothing_is_changed(host):
    code, out, err = host.call("prepare.sh", "--mode", "maxx")
    assert (code, out) == (2, "")
    assert err == (
        "prepare.sh: this board has no mode 'maxx'; it has: MAXN (0), MAXQ (1), MAXP_CORE_ARM (3); or --mode keep\n"
    )
    assert host.log() == []


def test_a_mode_that_needs_a_restart_is_an_error_and_not_a_question(host):
    (host.board / "asks").touch()
    code, _, err = host.call("prepare.sh", "--mode", "maxn")
    assert code == 1
    assert "nvpmodel did not go to mode 0 (some modes need a restart: sudo nvpmodel -m 0)" in err
    assert host.state("clocks") == "as they were"


def test_clocks_that_could_not_be_stored_are_not_pinned(host):
    (host.board / "early").touch()
    code, _, err = host.call("prepare.sh", "--mode", "maxn")
    assert code == 1
    assert "did not store the clocks" in err
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")


def test_a_restore_that_fails_keeps_the_stored_state_for_another_try(host):
    host.call("prepare.sh", "--mode", "maxn")
    (host.board / "asks").touch()
    code, _, err = host.call("prepare.sh", "--restore")
    assert code == 1
    assert "did not go back to mode 3" in err
    (host.board / "asks").unlink()
    assert host.call("prepare.sh", "--restore")[0] == 0
    assert (host.state("mode"), host.state("clocks")) == ("3", "as they were")


@pytest.mark.parametrize(
    ("arguments", "environment", "fragment"),
    [
        (["--mode", "maxn"], {"FAKE_UID": "1000"}, "run it with sudo"),
        (["--restore"], {}, "nothing is stored in"),
        (["--mode"], {}, "--mode takes one name or number"),
        (["--mode", ""], {}, "--mode takes one name or number"),
        (["--maxn"], {}, "usage: sudo ./prepare.sh"),
        ([], {}, "usage: sudo ./prepare.sh"),
    ],
)
def test_a_mistake_is_exit_code_2_and_no_tool_is_called(host, arguments, environment, fragment):
    code, out, err = host.call("prepare.sh", *arguments, **environment)
    assert (code, out) == (2, "")
    assert fragment in err
    assert host.log() == []


def test_off_the_board_the_missing_tool_is_named(host):
    host.without("nvpmodel")
    code, _, err = host.call("prepare.sh", "--mode", "maxn")
    assert code == 2
    assert "nvpmodel was not found; it is part of JetPack" in err
