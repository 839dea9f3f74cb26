import torch

from edgesynth.tasks.augmentation import draw_shifts, flipped, shifted, shifts


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
