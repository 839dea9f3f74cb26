"""Times of layers at any width, from a measured grid or from a board's cost model, behind one interface."""

from edgesynth.planning.cost.times.board_times import BoardTimes
from edgesynth.planning.cost.times.grid_times import GridTimes
from edgesynth.planning.cost.times.times import LatencyTimes

__all__ = ["BoardTimes", "GridTimes", "LatencyTimes"]
