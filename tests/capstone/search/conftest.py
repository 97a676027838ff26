"""A task of a moment, and a machine on paper on which what a candidate costs depends on its name."""

import numpy as np
import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search import Lesson, Recipe, Step, Task
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.training import manual_seed
from tinytorch.errors import DataError

INPUTS, HIDDEN, CLASSES = 4, 16, 3


class Paper(World):
    """A machine on paper: a subject costs what the first entry says whose words are in its name."""

    def __init__(self, clock, costs, broken=()):
        super().__init__(clock)
        self.costs = costs
        self.broken = broken
        self.launched = []

    def launch(self, subject, conditions):
        """Start a worker; a variant that is broken fails in each of its rounds."""
        worker = super().launch(subject, conditions)
        self.launched.append(subject)
        cost = next((cost for words, cost in self.costs.items() if words in subject.name), 1000)
        worker.cost = Cost(cost, always_fails=any(words in subject.name for words in self.broken))
        return worker


@pytest.fixture
def make_paper(clock):
    """Give what makes a machine on paper, with costs in nanoseconds by words in a subject's name."""
    return lambda costs=None, broken=(): Paper(clock, costs or {}, broken)


def labelled(rng, count):
    """Draw samples whose class is the largest of their first three numbers."""
    inputs = rng.standard_normal((count, INPUTS)).astype(np.float32)
    return Labelled(inputs, inputs[:, :CLASSES].argmax(axis=1))


def perfect():
    """Make a model with 16 hidden units of which 6 do all the work, without a fault."""
    manual_seed(0)
    model = Sequential(Linear(INPUTS, HIDDEN), ReLU(), Dropout(0.5), Linear(HIDDEN, CLASSES))
    for layer in (model[0], model[3]):
        layer.weight.data[...] *= 1e-4
    for number in range(CLASSES):
        model[0].weight.data[number, [2 * number, 2 * number + 1]] = (1, -1)
        model[3].weight.data[[2 * number, 2 * number + 1], number] = (1, -1)
    return model.eval()


@pytest.fixture
def task():
    """Give a task whose baseline is always right, and stays so with half of its units."""
    rng = np.random.default_rng(0)
    parts = [labelled(rng, count) for count in (64, 400, 600)]
    return Task("small", perfect(), *parts, lesson=Lesson(epochs=1))


@pytest.fixture
def halved():
    """Give a recipe that keeps half of the units and loses nothing."""
    return Recipe((Step("prune.units.v1", (("keep_ratio", 0.5),)), Step("compile.v1")))


@pytest.fixture
def ruined():
    """Give a recipe that keeps two units, and tells no class from another."""
    return Recipe((Step("prune.units.v1", (("keep_ratio", 0.1),)), Step("compile.v1")))


@pytest.fixture
def int8():
    """Give a recipe of bytes."""
    return Recipe((Step("quantize.int8.dynamic.v1"), Step("compile.v1")))


@pytest.fixture
def impossible():
    """Give a recipe that its technique refuses."""
    return Recipe((Step("prune.units.v1", (("keep_ratio", 7),)),))


@pytest.fixture
def refusal():
    """Give an error to raise."""
    return DataError("no such thing")
