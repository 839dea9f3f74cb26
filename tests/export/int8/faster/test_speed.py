import json
from dataclasses import replace

import pytest

from edgesynth.errors import UserError
from edgesynth.export.int8.faster.speed import Speed, check_layers

PAYS = Speed("A CPU", "onnxruntime 1.20", 1, 1, "faster", 2.0, 1.0, 1.6, ("a", "b"), ("c",), 0.1)
SLOWER = replace(PAYS, int8_ms=4.0, all_int8_ms=4.0, int8_layers=("a", "b", "c"), fp32_layers=())


def test_the_figures_are_there_with_their_conditions():
    assert PAYS.sentences()[0] == (
        "INT8 is 2.00 times as fast as fp32 on A CPU: fp32 2 ms, int8 1 ms, timed by turns (onnxruntime 1.20, batch 1, "
        "one thread)."
    )


def test_it_is_said_how_many_layers_are_int8_and_what_all_would_take():
    assert PAYS.sentences()[1] == (
        "model.int8-cpu.onnx has 2 of 3 layers in INT8 and leaves the others in fp32, which is faster there (all in "
        "INT8: 1.6 ms)."
    )


def test_int8_that_is_slower_is_said_to_be_and_fp32_recommended():
    figures, advice = SLOWER.sentences()
    assert figures.startswith("INT8 is slower than fp32 (0.50 times as fast) on A CPU: fp32 2 ms, int8 4 ms")
    assert advice.startswith("On such a CPU use model.onnx. No choice of layers was faster in INT8")
    assert SLOWER.recommended == "fp32"


def test_of_all_layers_that_were_asked_for_the_other_way_is_named():
    assert "faster leaves in fp32 what is faster so" in replace(SLOWER, asked_for="all").sentences()[1]


def test_a_gain_below_the_noise_is_called_none():
    same = replace(SLOWER, int8_ms=1.99)
    assert same.sentences()[0].startswith("INT8 is no faster than fp32 on A CPU")
    assert same.recommended == "fp32"


def test_the_manifest_gives_back_what_it_was_given():
    facts = json.loads(json.dumps(PAYS.to_json()))
    assert (facts["speed_up"], facts["recommended"]) == (2.0, "int8-cpu")
    assert Speed.from_json(facts) == PAYS


@pytest.mark.parametrize(
    ("layers", "int8", "message"),
    [
        ("some", True, "--int8-cpu-layers is 'some'; give faster"),
        ("all", False, "--int8-cpu-layers all is of model.int8-cpu.onnx, which --int8 writes; add --int8"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(layers, int8, message):
    with pytest.raises(UserError, match=f"^{message}"):
        check_layers(layers, int8)
