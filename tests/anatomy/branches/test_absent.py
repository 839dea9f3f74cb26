"""What an absent tensor is in a sum, in a concatenation, and to any other operation."""

import copy
import pickle

import pytest
import torch

from edgesynth.anatomy.branches.absent import Absent, AbsentModule, Traits, structure_of

STREAM = torch.arange(6.0).reshape(2, 3)


def absent(*shape, joined=False, copied=False):
    return Absent.of(shape, torch.float32, Traits(joined, copied))


@pytest.mark.parametrize(
    "add",
    [
        lambda x, gone: x + gone,
        lambda x, gone: gone + x,
        lambda x, gone: x - gone,
        lambda x, gone: torch.add(x, gone, alpha=2),
        lambda x, gone: torch.add(input=gone, other=x),
        lambda x, gone: x.add_(gone),
        lambda x, gone: gone.add_(x),
    ],
)
def test_added_to_a_stream_it_gives_the_stream(add):
    assert add(STREAM, absent(2, 3)) is STREAM


def test_a_stream_that_is_subtracted_from_it_is_not_the_result():
    assert isinstance(absent(2, 3) - STREAM, Absent)


def test_once_a_stream_was_added_to_it_in_place_it_is_the_stream():
    gone = absent(2, 3)
    gone += STREAM
    other = absent(2, 3)
    other.add_(STREAM)
    assert torch.equal(torch.relu(other), STREAM)
    assert torch.equal(gone * 2, STREAM * 2)


def test_where_one_of_the_two_is_written_to_the_sum_is_a_copy():
    stream = STREAM.clone()
    total = stream + absent(2, 3, copied=True)
    total.zero_()
    assert torch.equal(stream, STREAM)
    (kept,) = [torch.cat([stream, absent(2, 5, joined=True, copied=True)], 1)]
    kept.zero_()
    assert torch.equal(stream, STREAM)


def test_what_is_written_into_a_stream_itself_is_still_that_stream():
    assert STREAM.add_(absent(2, 3, copied=True)) is STREAM


def test_joined_channels_are_left_out_and_added_ones_are_not():
    assert torch.equal(torch.cat([STREAM, absent(2, 5, joined=True), STREAM], 1), torch.cat([STREAM, STREAM], 1))
    assert torch.cat([STREAM, absent(2, 5, joined=True)], dim=1) is STREAM
    mixed = torch.cat([STREAM, absent(2, 5)], 1)
    assert isinstance(mixed, Absent) and mixed.shape == (2, 8)


def test_of_absent_tensors_alone_a_concatenation_is_absent():
    joined = torch.cat([absent(2, 3, joined=True), absent(2, 5, joined=True)], 1)
    assert isinstance(joined, Absent) and joined.shape == (2, 8) and joined.traits.joined


def test_what_is_computed_of_it_is_absent_and_has_the_shape():
    given = torch.nn.functional.conv2d(absent(2, 3, 8, 8), torch.zeros(5, 3, 3, 3))
    assert isinstance(given, Absent) and given.shape == (2, 5, 6, 6)
    first, second = absent(2, 6).chunk(2, dim=1)
    assert isinstance(first, Absent) and second.shape == (2, 3)


def test_number_formats_that_do_not_fit_do_not_matter():
    given = torch.nn.functional.linear(absent(2, 3), torch.zeros(4, 3, dtype=torch.float16))
    assert isinstance(given, Absent) and given.shape == (2, 4)


def test_shapes_that_do_not_fit_do_not_matter():
    assert isinstance(absent(2, 3).reshape(7, 5), Absent)


def test_its_shape_format_and_traits_outlive_copies():
    gone = Absent.of((2, 3), torch.float16, Traits(joined=True))
    for twin in (copy.deepcopy(gone), pickle.loads(pickle.dumps(gone))):
        assert (tuple(twin.shape), twin.dtype, twin.traits) == ((2, 3), torch.float16, Traits(joined=True))


def test_a_module_gives_what_it_gave_for_another_number_of_inputs_and_in_their_format():
    windows = structure_of((torch.zeros(8, 3), {"weights": torch.zeros(5, 2)}, None), inputs=2)
    first, others, nothing = AbsentModule(windows, Traits())(torch.zeros(3, 7, dtype=torch.float16))
    assert (first.shape, first.dtype) == ((12, 3), torch.float16)
    assert (others["weights"].shape, nothing) == ((5, 2), None)


def test_what_follows_the_number_of_inputs_is_known_of_one_input_only_if_there_is_one_of_it():
    assert structure_of(torch.zeros(1, 3), 1)["per_input"] == 1
    assert structure_of(torch.zeros(49, 3), 1)["per_input"] == 0
    assert structure_of(torch.zeros(4, 3), 0)["per_input"] == 0


def test_values_that_have_no_plain_form_are_refused():
    with pytest.raises(TypeError, match="a value of type object"):
        structure_of([torch.zeros(1), object()], 1)
