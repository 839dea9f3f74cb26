import pytest
import torch

from edgesynth.tasks.images.augmentation import draw_shifts, draw_zooms, flipped, shifted, shifts, shown, windows, zooms


def drawn(images, max_shift):
    return draw_shifts(len(images), max_shift, torch.Generator().manual_seed(3))


def test_every_shift_within_reach_and_no_other_occurs():
    images = torch.zeros(2000, 1, 9, 9)
    images[:, 0, 4, 4] = 1
    places = torch.nonzero(shifted(images, 2, drawn(images, 2)))
    assert len(places) == 2000
    assert set(map(tuple, (places[:, 2:] - 4).tolist())) == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}


def test_all_channels_of_an_image_move_together():
    images = torch.rand(50, 1, 8, 8).repeat(1, 3, 1, 1)
    moved = shifted(images, 2, drawn(images, 2))
    assert torch.equal(moved[:, 0], moved[:, 1]) and torch.equal(moved[:, 0], moved[:, 2])
    assert not torch.equal(moved, images)


def test_edges_are_repeated():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    allowed = set(range(9))
    assert set(shifted(image, 1, drawn(image, 1)).flatten().tolist()) <= allowed


def test_no_shift_returns_the_images():
    images = torch.rand(4, 1, 5, 5)
    assert torch.equal(shifted(images, 0, drawn(images, 0)), images)


def test_the_number_of_a_shift_says_all_about_it():
    image = torch.rand(1, 1, 6, 6)
    assert shifts(1) == 9
    for number in range(9):
        moved = shifted(image, 1, torch.tensor([number]))
        down, right = number // 3 - 1, number % 3 - 1
        assert torch.equal(moved[0, 0, 1:5, 1:5], image[0, 0, 1 + down : 5 + down, 1 + right : 5 + right])


def test_the_chosen_images_alone_are_mirrored():
    images = torch.rand(3, 2, 4, 5)
    moved = flipped(images, torch.tensor([False, True, False]))
    assert torch.equal(moved[0], images[0]) and torch.equal(moved[2], images[2])
    assert torch.equal(moved[1], torch.tensor(images[1].numpy()[:, :, ::-1].copy()))


def factors_of(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_factors_are_even_steps_both_ways_and_all_of_them_are_drawn():
    assert zooms(1) == (1.0,)
    assert zooms(1.44) == tuple(pytest.approx(one) for one in (1 / 1.44, 1 / 1.2, 1, 1.2, 1.44))
    drawn = draw_zooms(1000, 1.44, torch.Generator().manual_seed(0))
    assert min(drawn.bincount(minlength=5).tolist()) > 150 and len(drawn.unique()) == 5


def test_a_window_of_factor_1_is_the_whole_pixels_of_a_shift():
    images = torch.rand(25, 3, 9, 7)
    numbers = torch.arange(25)
    chosen = windows(numbers, torch.ones(25), 2, 9, 7)
    mirrored = numbers % 2 == 1
    expected = flipped(shifted(images, 2, numbers), mirrored)
    for mode, close in (("bilinear", 1e-5), ("nearest", 0)):
        assert (shown(images, chosen, mirrored, mode) - expected).abs().max() <= close


def test_a_magnified_window_lies_within_the_image_but_for_the_shift_and_reaches_all_of_its_edges():
    numbers = torch.tensor([0, 24, 12])
    left, top, width, height = windows(numbers, factors_of(2, 2, 2), 2, 20, 40).unbind(1)
    assert width.tolist() == height.tolist() == [0.5, 0.5, 0.5]
    assert left.tolist() == pytest.approx([-2 / 40, 0.5 + 2 / 40, 0.25])
    assert top.tolist() == pytest.approx([-2 / 20, 0.5 + 2 / 20, 0.25])


def test_the_middle_of_an_image_is_magnified_and_shrunk_and_its_edge_repeated():
    image = torch.zeros(2, 1, 9, 9)
    image[:, 0, 2:7, 2:7] = 1
    image[:, 0, :, 0] = 5
    larger, smaller = shown(
        image, windows(torch.tensor([12, 12]), factors_of(2, 0.5), 2, 9, 9), torch.tensor([False, False]), "nearest"
    )
    assert bool((larger == 1).all())
    assert int((smaller == 1).sum()) == 9 and bool((smaller[0, :, :3] == 5).all())
