import pytest

from edgesynth.boards.power_mode import power_mode

CONF = """# comment
< POWER_MODEL ID=0 NAME=MAXN >
CPU_ONLINE CORE_1 1
< POWER_MODEL ID=1 NAME=MAXQ >
< PM_CONFIG DEFAULT=3 >
"""


@pytest.fixture
def board(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        return str(tmp_path)

    return write


def test_the_mode_is_the_name_that_its_number_has_in_nvpmodel_conf(board):
    board("etc/nvpmodel.conf", CONF)
    assert power_mode(board("var/lib/nvpmodel/status", "pmode:0001 fmode:quiet\n")) == "MAXQ"


def test_a_mode_without_a_name_keeps_its_number(board):
    assert power_mode(board("var/lib/nvpmodel/status", "pmode:0004\n")) == "mode 4"


def test_in_a_container_the_mode_is_what_the_host_handed_in(board):
    assert power_mode(board("tmp/nv_power_mode", "MAXN\n")) == "MAXN"


def test_a_machine_without_nvpmodel_has_no_mode(tmp_path):
    assert power_mode(str(tmp_path)) is None
