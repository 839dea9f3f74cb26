import pytest

import edgesynth.cli


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
