"""The tasks that have a name, those of a factory, and the picture."""

import sys

import numpy as np
import pytest

from tinytorch.capstone.search import SearchSettings, Task, search
from tinytorch.capstone.search.given import task_of
from tinytorch.capstone.search.judging import right
from tinytorch.capstone.search.known import KNOWN, Preparation, known_task
from tinytorch.core.layers import Linear
from tinytorch.errors import DTypeError, RangeError


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_task_is_prepared_from_one_seed(name):
    """Its parts share no sample, and its model gives scores for each; the smoke form needs no network."""
    task = known_task(name, Preparation(seed=3, smoke=True))
    assert right(task.model, task.validation).shape == task.validation.labels.shape
    assert len(task.sample) == 1
    tests = {row.tobytes() for row in task.test.inputs}
    seen = [row.tobytes() in tests for row in [*task.train.inputs, *task.validation.inputs]]
    assert np.mean(seen) < 0.01  # two people may write the same digit
    assert not task.model.training


def test_a_trained_baseline_is_kept_and_taken_again(tmp_path, monkeypatch):
    """The second time nothing is trained."""
    monkeypatch.setattr("tinytorch.capstone.search.known.EPOCHS", 1)
    first = known_task("digits", Preparation(folder=tmp_path))
    monkeypatch.setattr("tinytorch.capstone.search.known.train_on_digits", None)
    again = known_task("digits", Preparation(folder=tmp_path))
    assert np.array_equal(again.model[0].weight.data, first.model[0].weight.data)


FACTORIES = """
import numpy as np
from tinytorch.core.layers import Linear

def make():
    x = np.random.default_rng(0).normal(size=(40, 3))
    return Linear(3, 2), (x, np.arange(40) % 2), (x[:5], np.arange(5) % 2)

def wrong():
    return Linear(3, 2)
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    """Write a module with factories into the folder that is worked in."""
    (tmp_path / "own_factories.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("own_factories", None)


@pytest.mark.usefixtures("factories")
def test_a_factory_gives_a_model_and_its_data():
    """A part of what is to learn from becomes what is chosen by, and a note says what that may do."""
    task = task_of("own_factories:make", Preparation(batch=2))
    assert isinstance(task, Task)
    assert (len(task.train), len(task.validation), len(task.test), task.batch) == (34, 6, 5, 2)
    assert task.test.inputs.dtype == np.float32
    assert "if the model was trained on them" in task.notes[0]


@pytest.mark.usefixtures("factories")
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("nothing", RangeError, "one of digits, mlp-mnist, lenet, gpt, or a factory"),
        ("own_factories:absent", RangeError, "a factory that can be imported"),
        ("no_such_module:make", RangeError, "a factory that can be imported"),
        ("own_factories:wrong", DTypeError, "what a factory gives must be a Task, or"),
    ],
)
def test_what_is_no_model_is_refused(name, error, words):
    """With what there is."""
    with pytest.raises(error, match=words):
        task_of(name)


def test_an_unknown_name_is_refused():
    """With those that are known."""
    with pytest.raises(RangeError, match="one of digits"):
        known_task("alexnet")


def test_the_picture_shows_finalists_both_baselines_and_what_is_allowed(task, make_paper, halved, int8, ruined):
    """In two parts that share their horizontal axis; candidates that were screened only are in the first."""
    pytest.importorskip("matplotlib")
    from tinytorch.capstone.search.picture import picture

    settings = SearchSettings(recipes=(halved, int8, ruined), preset="quick", finalists=1)
    found = search(task, settings, make_paper({"eager": 5000, "units": 500, "int8": 900}).hooks())
    figure = picture(found)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["baseline, compiled", "baseline, eager", f"1: {halved}, chosen", "screened only"]
    left, right_ = figure.axes
    assert left.get_xlabel() == right_.get_xlabel() == "times as fast as the compiled baseline"
    assert "allowed" in [text.get_text() for text in right_.texts]


def test_a_model_that_is_no_task_needs_none(task):
    """The sample of a call is what the model takes."""
    assert Linear(4, 1)(task.sample).shape == (1, 1)
