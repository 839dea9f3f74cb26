import dataclasses

import pytest

from edgesynth.anatomy.census import Census, LayerCensus
from edgesynth.errors import UserError
from edgesynth.evolution import Evolution, Place
from edgesynth.evolution.evolution import MORE_MEMORY
from edgesynth.evolution.preflight.population import check_population
from edgesynth.evolution.retries import attempt_of, milder
from edgesynth.lineage import Config, Figures, Record

FLOOR = 90.0


def record(place, validation, synapses=100):
    census = Census((LayerCensus("fc", (1, 1), synapses, synapses, 2 * synapses, synapses),), 0, 0)
    nurture = {"epochs": 1, "proxy": True} if place.proxy else {"epochs": 4}
    return Record(place.generation, place.child, place.parents, validation, validation >= FLOOR, census, {}, nurture)


def evolution(**options):
    return Evolution(Config(min_accuracy=FLOOR, **options), record(Place(0, 0, ()), 99.0, 1000))


def told(state, *validations, synapses=100):
    """Breed whom the evolution asks for, with these accuracies."""
    places = state.ask()
    return state.tell([record(place, value, synapses) for place, value in zip(places, validations, strict=True)])


def test_the_best_of_a_generation_is_the_one_parent_of_the_next():
    state = evolution(offspring=3)
    assert state.ask() == [Place(1, child, ("g000-c0",)) for child in range(3)]
    assert told(state, 92, 94, 93).name == "g001-c1"
    assert state.ask() == [Place(2, child, ("g001-c1",)) for child in range(3)]


def test_several_parents_are_the_best_feasible_ones_of_the_generation_before_as_many_as_there_are():
    state = evolution(offspring=4, parents=3)
    assert state.ask()[0].parents == ("g000-c0",)
    told(state, 92, 94, 93, 91)
    assert state.ask()[0].parents == ("g001-c1", "g001-c2", "g001-c0")
    told(state, 80, 91, 70, 95)
    assert state.ask()[0].parents == ("g002-c3", "g002-c1")


def test_by_fronts_the_parents_are_its_most_accurate_and_its_smallest():
    state = evolution(offspring=3, parents=2, selection="pareto")
    places = state.ask()
    state.tell([record(place, *each) for place, each in zip(places, [(96, 90), (97, 99), (92, 30)], strict=True)])
    assert state.parents == ("g001-c1", "g001-c2")


def test_a_sibling_that_meets_the_budgets_ends_the_run_before_a_more_accurate_one_that_does_not():
    state = evolution(offspring=2, max_synapses=500)
    places = state.ask()
    best = state.tell([record(places[0], 96, 800), record(places[1], 95, 400)])
    assert best.name == state.best.name == "g001-c1" and state.stopped == "budget"


@pytest.mark.parametrize(
    ("nurture", "advice"),
    [
        ({"died": "its worker died", "lost": True}, MORE_MEMORY),
        ({"died": "the loss was nan"}, "lower --learning-rate"),
    ],
)
def test_a_generation_that_died_ends_the_run_with_advice_by_the_cause(nurture, advice):
    state = evolution(offspring=2)
    state.tell([dataclasses.replace(record(place, 0.0), nurture=nurture) for place in state.ask()])
    assert state.stopped == "death" and state.reason.endswith(f"(g001-c0: {nurture['died']}); {advice}")


def test_with_a_proxy_all_are_asked_for_briefly_and_the_best_of_them_again_in_full():
    state = evolution(offspring=4, proxy_epochs=1, survivors=2)
    assert [place.proxy for place in state.ask()] == [True] * 4
    assert told(state, 50, 70, 60, 80) is None
    assert state.ask() == [Place(1, 1, ("g000-c0",)), Place(1, 3, ("g000-c0",))]
    assert told(state, 95, 94).name == "g001-c1"
    assert [place.proxy for place in state.ask()] == [True] * 4 and state.ask()[0].parents == ("g001-c1",)
    assert state.best.name == "g001-c1"


def test_a_proxy_is_never_best_nor_on_the_front_however_good():
    state = evolution(offspring=2, proxy_epochs=1, generations=1, max_synapses=500)
    places = state.ask()
    state.tell([record(places[0], 99.5, 10), record(places[1], 99.4, 400)])
    told(state, 91, synapses=600)
    assert state.best.name == "g001-c0" and state.best.census.synapses == 600
    assert state.fronts == {"synapses": ["g001-c0", "g000-c0"], "macs": ["g001-c0", "g000-c0"]}


def test_survivors_that_a_resumed_run_finds_fully_nurtured_are_the_same_survivors():
    state = evolution(offspring=4, proxy_epochs=1, survivors=2)
    places = state.ask()
    measured = [record(place, value) for place, value in zip(places, [50, 70, 60, 80], strict=True)]
    # Child 1's full nurture went badly; it is no less a survivor.
    measured[1] = record(dataclasses.replace(places[1], proxy=False), 40)
    state.tell(measured)
    assert [place.child for place in state.ask()] == [1, 3]


def test_without_patience_a_failed_generation_stops_the_run():
    state = evolution(offspring=2)
    assert told(state, 80, 85).name == "g001-c1"
    assert state.stopped == "accuracy" and state.best is None and state.ask() == []


def test_with_patience_a_failed_generation_is_drawn_again_from_the_same_parents_with_new_numbers():
    state = evolution(offspring=2, patience=2)
    told(state, 92, 91)
    assert told(state, 80, 85) is None
    assert state.ask() == [Place(2, 2, ("g001-c0",)), Place(2, 3, ("g001-c0",))]
    assert told(state, 80, 91).name == "g002-c3"
    assert state.ask() == [Place(3, 0, ("g002-c3",)), Place(3, 1, ("g002-c3",))]


def test_when_patience_is_at_its_end_the_best_of_all_attempts_says_why():
    state = evolution(offspring=2, patience=1)
    assert told(state, 80, 85) is None
    assert told(state, 70, 84).name == "g001-c1"
    assert state.reason == (
        "g001-c1, the best of its generation (drawn 2 times, each time milder), has 85.00 %, below the floor of 90.00 %"
    )


def test_patience_and_a_proxy_go_through_both_rounds_again():
    state = evolution(offspring=2, patience=1, proxy_epochs=1)
    told(state, 60, 61)
    assert told(state, 80) is None
    assert state.ask() == [Place(1, 2, ("g000-c0",), True), Place(1, 3, ("g000-c0",), True)]
    told(state, 60, 59)
    assert state.ask() == [Place(1, 2, ("g000-c0",))]
    assert told(state, 95).name == "g001-c2"


def test_each_attempt_halves_what_the_one_before_gives_up():
    config = Config(keep=0.36, offspring=3)
    assert milder(config, 0) is config
    assert milder(config, 1).keep == pytest.approx(0.68) and milder(config, 2).keep == pytest.approx(0.84)
    assert milder(config, 1).keep_clusters == pytest.approx(0.8)  # half-way from the root of 0.36
    assert milder(Config(keep=0.36, environment="faithful"), 1).keep_clusters == pytest.approx(0.68)
    assert milder(Config(keep=0.36, keep_clusters=0.5), 1).keep_clusters == pytest.approx(0.75)
    assert [attempt_of(config, child) for child in (0, 2, 3, 8)] == [0, 0, 1, 2]


def test_where_the_last_generation_is_over_a_budget_an_earlier_one_that_meets_them_all_is_best():
    state = evolution(offspring=2, generations=2, max_synapses=500)
    places = state.ask()
    small = dataclasses.replace(record(places[1], 91, 400), nurture={"epochs": 1, "grown": False})
    assert state.tell([record(places[0], 97, 600), small]).name == "g001-c1"
    assert state.ask()[0].parents == ("g001-c1",)
    told(state, 96, 95, synapses=550)
    assert state.best.name == "g001-c1"
    assert (state.stopped, state.reason) == ("generations", "all 2 generations are bred")


def test_of_those_that_meet_every_budget_the_most_accurate_is_best():
    state = evolution(offspring=3, generations=1, max_synapses=500, max_macs=900)
    places = state.ask()
    counts = [(98, 600), (92, 440), (93, 480)]  # 480 synapses are 960 MACs
    state.tell([record(place, *each) for place, each in zip(places, counts, strict=True)])
    assert state.best.name == "g001-c1"


def test_where_nobody_meets_the_budgets_the_end_of_the_line_is_best():
    state = evolution(offspring=1, generations=2, max_synapses=5)
    told(state, 97)
    told(state, 95)
    assert state.best.name == "g002-c0"


def test_the_fronts_hold_the_feasible_that_none_beats():
    state = evolution(offspring=4)
    places = state.ask()
    counts = [(95, 300), (94, 350), (92, 200), (85, 10)]
    state.tell([record(place, *each) for place, each in zip(places, counts, strict=True)])
    assert state.fronts["synapses"] == ["g001-c2", "g001-c0", "g000-c0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parents": 3, "offspring": 2}, "--parents is 3 and only 2 of a generation .* raise --offspring"),
        (
            {"parents": 2, "offspring": 4, "proxy_epochs": 1},
            "--parents is 2 and only 1 .* raise --survivors to at least 2",
        ),
        ({"offspring": 2, "proxy_epochs": 1, "survivors": 3}, "--survivors is 3 and a generation has 2 offspring"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        check_population(Config(**options))


def test_survivors_do_not_matter_without_a_proxy():
    check_population(Config(parents=2, offspring=2, survivors=9))


def test_the_machine_sees_the_feasible_front_and_nobody_after_a_proxy():
    state = evolution(offspring=4, proxy_epochs=1, survivors=3)
    first = [record(place, value) for place, value in zip(state.ask(), [95, 96, 97, 40], strict=True)]
    assert state.to_measure(first) == []
    state.tell(first)
    sizes = [(97, 100), (96, 120), (95, 80)]  # the second is beaten by the first in everything
    second = [record(place, *each) for place, each in zip(state.ask(), sizes, strict=True)]
    assert [individual.child for individual in state.to_measure(second)] == [0, 2]
    below = [dataclasses.replace(individual, feasible=False) for individual in second]
    assert state.to_measure(below) == []


def test_who_was_not_measured_meets_no_measured_budget():
    state = evolution(offspring=1, max_latency_ms=1.0, measure_on="local")
    told(state, 95)
    assert not state.stopped and not state.budgets.accepts(state.nurtured[-1])
    (place,) = state.ask()
    state.budgets.figures[place.name] = Figures("ab", "local", "fp32", 0.8, (0.7, 0.9))
    state.tell([record(place, 95)])
    assert state.stopped == "budget" and "measured at most 0.9 ms of 1 ms" in state.reason
