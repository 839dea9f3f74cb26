import pytest

from edgesynth.boards.table import AGX_ORIN, AGX_XAVIER, BOARDS, NANO, TX1, TX2, find_board, native_precisions
from edgesynth.errors import UserError


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("tx2", "tx2"),
        ("Jetson-TX2", "tx2"),
        ("jetson tx2", "tx2"),
        ("TX2_NX", "tx2-nx"),
        ("xavier", "agx-xavier"),
        ("orin", "agx-orin"),
        (" Jetson Orin Nano ", "orin-nano"),
        ("Jetson Orin NX", "orin-nx"),
        ("orin_nx_8gb", "orin-nx-8gb"),
        ("T5000", "agx-thor"),
    ],
)
def test_a_board_is_found_by_any_name_that_people_use(given, name):
    assert find_board(given).name == name


@pytest.mark.parametrize("given", ["tx3", "", "raspberry-pi"])
def test_an_unknown_board_is_refused_with_those_that_there_are(given):
    with pytest.raises(UserError, match=r"choose from: tx1, tx2, tx2-nx, nano, .*agx-thor, or this-gpu"):
        find_board(given)


def test_no_two_boards_share_a_name_or_a_module():
    for names in (
        [name for board in BOARDS for name in (board.name, *board.aliases)],
        [m for b in BOARDS for m in b.modules],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("board", "precision", "mode", "gops"),
    [
        (TX1, "fp32", None, 511),
        (TX1, "fp16", None, 1022),
        (TX2, "fp16", "MAXN", 1332),
        (TX2, "fp32", "maxp_core_arm", 574),
        (TX2, "fp16", "1", 875),  # nvpmodel -m 1 is MAXQ
        (NANO, "fp16", None, 472),
        (AGX_XAVIER, "fp16", None, 11_280),
        (AGX_ORIN, "int8", None, 85_197),
    ],
)
def test_the_peaks_are_those_that_are_published(board, precision, mode, gops):
    assert board.peak_gops(precision, board.mode(mode)) == pytest.approx(gops, rel=1e-3)


def test_a_peak_without_a_source_is_unknown_and_not_zero():
    assert TX2.peak_gops("int8") is None
    assert AGX_XAVIER.peak_gops("fp16", AGX_XAVIER.mode("MODE_15W")) is None


def test_an_unknown_power_mode_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="Jetson TX2 has no power mode 'turbo'; choose from: MAXN, MAXP_CORE_ALL"):
        TX2.mode("turbo")


def test_only_boards_before_volta_lack_int8():
    assert {board.name for board in BOARDS if not board.native_int8} == {"tx1", "tx2", "tx2-nx", "nano"}


def test_the_table_agrees_with_what_the_compute_capability_says():
    assert [native_precisions(board.sm) for board in BOARDS] == [(b.native_fp16, b.native_int8) for b in BOARDS]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_total_holds_every_rail_exactly_once(board):
    def inputs_of(rail):
        return inputs_of(board.part_of[rail]) if rail in board.part_of else rail

    assert board.rails and set(board.part_of) | set(board.part_of.values()) | set(board.total_rails) == set(board.rails)
    assert not set(board.total_rails) & set(board.part_of)
    assert {inputs_of(rail) for rail in board.rails} == set(board.total_rails)
    assert len(set(board.total_rails)) == len(board.total_rails)


def test_only_boards_that_do_not_measure_their_input_have_a_sum():
    assert {board.name: len(board.total_rails) for board in BOARDS if len(board.total_rails) > 1} == {
        "agx-xavier": 6,
        "agx-orin": 3,
    }


@pytest.mark.parametrize(
    ("name", "memory_gb", "mode", "mhz", "gops"),
    [
        ("orin-nx", 16, "MAXN", 918, 30_081),
        ("orin-nx", 16, "25W", 408, 13_369),
        ("orin-nx-8gb", 8, "40W", 1173, 38_437),
    ],
)
def test_an_orin_nx_is_an_orin_nano_with_its_own_clocks(name, memory_gb, mode, mhz, gops):
    board = find_board(name)
    assert (board.memory_gb, board.mode(mode).gpu_mhz) == (memory_gb, mhz)
    assert board.peak_gops("int8", board.mode(mode)) == pytest.approx(gops, rel=1e-4)
    assert board.peak_gops("int8", board.mode("15W")) is None  # half of its GPU is off


def test_a_thor_has_the_figures_that_have_a_source_and_no_others():
    thor = find_board("thor")
    assert (thor.sm_name, thor.native_int8, thor.cuda_cores) == ("sm_110", True, 2560)
    assert thor.peak_gops("fp32") == pytest.approx(8064)
    assert thor.peak_gops("int8") is None and thor.peak_gops("fp32", thor.mode("120W")) is None
