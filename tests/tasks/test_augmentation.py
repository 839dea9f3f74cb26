import torch

from edgesynth.tasks.augmentation import shifted


def generator():
    return torch.Generator().manual_seed(3)


def test_every_shift_within_reach_and_no_other_occurs():
    images = torch.zeros(2000, 1, 9, 9)
    images[:, 0, 4, 4] = 1
    places = torch.nonzero(shifted(images, 2, generator()))
    assert len(places) == 2000
    assert set(map(tuple, (places[:, 2:] - 4).tolist())) == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}


def test_all_channels_of_an_image_move_together():
    images = torch.rand(50, 1, 8, 8).repeat(1, 3, 1, 1)
    moved = shifted(images, 2, generator())
    assert torch.equal(moved[:, 0], moved[:, 1]) and torch.equal(moved[:, 0], moved[:, 2])
    assert not torch.equal(moved, images)


def test_edges_are_repeated():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    allowed = set(range(9))
    assert set(shifted(image, 1, generator()).flatten().tolist()) <= allowed


def test_no_shift_returns_the_images():
    images = torch.rand(4, 1, 5, 5)
    assert torch.equal(shifted(images, 0, generator()), images)
