"""A few of the digits, for tests whose runs need real images and hardly learn anything of them."""

import dataclasses

from edgesynth.tasks import Split, load_task

NAME = "tests.few_digits:task"


def task():
    digits = load_task("digits")
    test = digits.load_test()
    return dataclasses.replace(
        digits,
        train=first(digits.train, 256),
        validation=first(digits.validation, 64),
        load_test=lambda: first(test, 64),
    )


def first(split, count):
    return Split(split.images[:count], split.labels[:count])
