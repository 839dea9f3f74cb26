import math

import pytest
import torch
from torch import nn

from edgesynth.errors import UserError
from edgesynth.nurture import Callback, DivergenceError, Recipe, nurture, score
from edgesynth.tasks import Classification, load_task


@pytest.fixture(scope="module")
def task():
    return load_task("digits")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def like(task, kind):
    return kind(task.name, task.train, task.validation, task.load_test, task.labels)


def test_a_training_that_runs_away_says_of_what_and_when(task):
    class Runaway(Classification):
        """The more it is descended, the steeper it gets."""

        def loss(self, outputs, labels):
            return -outputs.square().exp().mean()

    told = []
    with pytest.raises(DivergenceError, match=r"^the loss was -?(inf|nan) in epoch \d$") as caught:
        nurture(
            network(),
            like(task, Runaway),
            Recipe(9, learning_rate=0.02, warm_up=0.0),
            torch.Generator(),
            epoch_done=lambda epoch, loss: told.append(loss),
        )
    assert caught.value.losses == told and all(math.isfinite(loss) for loss in told)
    assert str(caught.value).endswith(f"in epoch {len(told) + 1}")


def test_weights_that_the_last_step_has_spoilt_are_found(task):
    class Spoil(Callback):
        def begin(self, network, epochs, steps_per_epoch):
            self.network, self.last = network, epochs * steps_per_epoch - 1

        def after_step(self, step):
            if step == self.last:
                self.network[1].bias.data[3] = torch.inf

    with pytest.raises(DivergenceError, match=r"^1\.bias was not finite after epoch 2$") as caught:
        nurture(network(), task, Recipe(2), torch.Generator(), callbacks=[Spoil()])
    assert len(caught.value.losses) == 2


def test_a_metric_that_is_not_a_number_is_refused_by_the_task_s_name(task):
    class Unlabeled(Classification):
        def metric(self, outputs, labels):
            return outputs[:0].mean().item()

    with pytest.raises(UserError, match="the accuracy of the task digits is nan on 300 images"):
        score(network(), like(task, Unlabeled), task.validation)
