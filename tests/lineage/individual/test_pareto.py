import itertools
import math
import random

from edgesynth.lineage.individual.pareto import pareto_front


def test_the_front_of_known_points():
    points = [(10, 90.0), (20, 95.0), (15, 89.0), (30, 95.0), (5, 50.0), (40, 99.0), (20, 94.0)]
    assert [points[index] for index in pareto_front(points)] == [(5, 50.0), (10, 90.0), (20, 95.0), (40, 99.0)]


def test_of_equal_points_the_first_stands_for_all():
    assert pareto_front([(10, 90.0), (10, 90.0)]) == [0]


def test_points_that_are_not_finite_are_left_out():
    assert pareto_front([(1, math.nan), (2, 80.0), (math.inf, 99.0)]) == [1]


def test_no_points_have_no_front():
    assert pareto_front([]) == []


def test_the_front_is_what_no_other_point_dominates():
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    source = random.Random(seed)
    points = [(source.randrange(12), float(source.randrange(12))) for _ in range(40)]

    def dominates(first, other):
        return first[0] <= other[0] and first[1] >= other[1] and first != other

    expected = {point for point in points if not any(dominates(other, point) for other in points)}
    front = [points[index] for index in pareto_front(points)]
    assert set(front) == expected and len(front) == len(expected)
    assert all(left[0] < right[0] and left[1] < right[1] for left, right in itertools.pairwise(front))
