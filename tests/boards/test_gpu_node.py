import pytest

from edgesynth.boards.gpu_node import ClockLimits, clock_limits, gpu_nodes


@pytest.fixture
def node(tmp_path):
    def write(folder, name, **files):
        path = tmp_path / folder / name
        path.mkdir(parents=True)
        for file, value in files.items():
            (path / file).write_text(f"{value}\n")
        return str(path)

    return write


@pytest.mark.parametrize(
    "name", ["57000000.gpu", "17000000.gp10b", "17000000.gv11b", "17000000.ga10b", "17000000.gpu", "gpu-gpc-0"]
)
@pytest.mark.parametrize("folder", ["class/devfreq", "devices/platform/bus@0/some.device/devfreq"])
def test_the_gpu_of_every_board_is_known_by_its_node(tmp_path, node, name, folder):
    node(folder, "15340000.vic", min_freq=1, max_freq=2)
    node(folder, "gpu-nvd-0", min_freq=1, max_freq=2)
    path = node(folder, name, min_freq=306000000, max_freq=1300500000)
    assert gpu_nodes(str(tmp_path)) == [path]
    assert clock_limits(str(tmp_path)) == ClockLimits(306.0, 1300.5)


def test_limits_are_locked_where_they_are_one(tmp_path, node):
    node("class/devfreq", "17000000.gpu", min_freq=612000000, max_freq=612000000)
    assert clock_limits(str(tmp_path)).locked
    assert not ClockLimits(306.0, 612.0).locked


@pytest.mark.parametrize("files", [{}, {"min_freq": 1}, {"min_freq": "<unsupported>", "max_freq": 2}])
def test_limits_that_are_not_there_are_none(tmp_path, node, files):
    node("class/devfreq", "17000000.gpu", **files)
    assert clock_limits(str(tmp_path)) is None
