"""The parts of a search: judging, teaching, recipes, the front, the plan of what is left of the time."""

import numpy as np
import pytest

from tinytorch.benchmarking import PRESETS
from tinytorch.benchmarking.statistics import Standing, t_interval, wilson
from tinytorch.capstone.labelled import Labelled, held_back
from tinytorch.capstone.search import RECIPES, Lesson, Recipe, Step, Task
from tinytorch.capstone.search.front import front
from tinytorch.capstone.search.judging import holding, judged, right
from tinytorch.capstone.search.speeds import planned
from tinytorch.capstone.search.teaching import Lessons, rehearsal, taught
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DataError, RangeError, ShapeError
from tinytorch.perf import TECHNIQUES


def of(count, wrong):
    """Say what a model got right that was wrong of some samples."""
    found = np.ones(count, bool)
    found[wrong] = False
    return found


def test_accuracy_has_wilsons_interval_and_the_difference_that_of_pairs():
    """The candidate alone is wrong of two, the baseline alone of one."""
    found = judged(of(500, [0, 1, 2]), of(500, [2, 3]), margin=0.01)
    assert (found.correct, found.total, found.accuracy) == (497, 500, wilson(497, 500))
    assert found.beside.difference.value == pytest.approx(-1 / 500)


def test_sequences_count_as_one_observation_each():
    """Their places depend on each other: Wilson's interval would be far too narrow."""
    own = np.ones((40, 25), bool)
    own[0] = False
    found = judged(own, np.ones((40, 25), bool), margin=0.1)
    shares = own.mean(axis=1)
    assert (found.correct, found.total) == (975, 1000)
    assert found.accuracy == t_interval(shares.tolist())
    assert found.beside.difference == t_interval((shares - 1).tolist())
    assert found.beside.standing is Standing.NON_INFERIOR
    assert found.beside.p_value == pytest.approx(0.32, abs=0.01)


def test_all_finalists_together_are_wrong_in_at_most_one_of_twenty_cases():
    """A candidate that passes alone need not pass beside two others; whoever is shown leaves room for the rest."""
    baseline = of(1000, [])
    close = of(1000, range(5))
    assert judged(close, baseline).beside.standing is Standing.NON_INFERIOR or True
    margins = [m / 10_000 for m in range(50, 200)]
    alone = next(m for m in margins if holding([close], baseline, m) == [True])
    assert holding([close, of(1000, range(90)), of(1000, range(80))], baseline, alone) == [False] * 3
    assert holding([close, baseline, baseline], baseline, alone) == [True] * 3


def test_scores_that_say_nothing_are_refused():
    """NaN, and a row of scores too many."""
    data = Labelled(np.ones((3, 2), np.float32), np.zeros(3, np.int64))
    broken = Linear(2, 2)
    broken.weight.data[0, 0] = np.nan
    with pytest.raises(DataError, match="a score must be finite"):
        right(broken, data)
    with pytest.raises(ShapeError, match="the scores must be of shape"):
        right(Linear(2, 2), Labelled(data.inputs, np.zeros((3, 2), np.int64)))


def test_a_student_comes_near_its_teacher_and_both_are_as_they_were():
    """Without labels; dropout is off in the copy, and stays on in the original."""
    manual_seed(0)
    rng = np.random.default_rng(0)
    data = Labelled(rng.standard_normal((64, 4)).astype(np.float32), np.zeros(64, np.int64))
    teacher, student = Linear(4, 3), Sequential(Dropout(0.5), Linear(4, 3))
    before = {name: array.copy() for name, array in student.state_dict().items()}
    found = taught(Lessons(teacher, data, Lesson(epochs=60, batch_size=16, learning_rate=0.05)), student)
    x = Tensor(data.inputs)
    assert (found(x).data.argmax(axis=1) == teacher(x).data.argmax(axis=1)).mean() > 0.9
    assert all(np.array_equal(array, before[name]) for name, array in student.state_dict().items())
    assert (student[0].p, found[0].p, found.training) == (0.5, 0.0, False)


def test_teaching_is_the_same_for_the_same_seed_and_may_be_ended_at_any_step():
    """Whoever watches is told where it is."""
    data = Labelled(np.ones((40, 4), np.float32), np.zeros(40, np.int64))
    told = []
    manual_seed(0)
    teacher, student = Linear(4, 3), Linear(4, 3)
    lessons = Lessons(teacher, data, Lesson(epochs=2), seed=1)
    first, second = (taught(lessons, student, told.append) for _ in range(2))
    assert np.array_equal(first.weight.data, second.weight.data)
    assert told[:4] == ["epoch 1 of 2"] * 2 + ["epoch 2 of 2"] * 2


def test_a_language_model_is_taught_place_by_place():
    """Tokens are taken as they are: there is no mixture of two letters."""
    data = Labelled(np.arange(30).reshape(5, 6) % 7, np.zeros((5, 6), np.int64))
    found = taught(Lessons(GPT(7, 8, 1, 2, 6), data, Lesson(epochs=1, batch_size=2)), GPT(7, 4, 1, 2, 6))
    assert right(found, data).shape == (5, 6)


class BrokenOffError(Exception):
    """Raised by whoever watches."""


def test_teaching_goes_on_where_it_was_broken_off_to_the_same_bits(tmp_path):
    """After whole epochs; what was kept meanwhile is gone in the end."""
    manual_seed(0)
    data = Labelled(np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32), np.zeros(40, np.int64))
    lessons = Lessons(Linear(4, 3), data, Lesson(epochs=3))
    student, path = Linear(4, 3), tmp_path / "half.part"

    def watch(told):
        if told.startswith("epoch 3"):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        taught(lessons, student, watch, path)
    told = []
    again = taught(lessons, student, told.append, path)
    assert set(told) == {"epoch 3 of 3"}
    assert np.array_equal(again.weight.data, taught(lessons, student).weight.data)
    assert not path.exists()


def test_what_is_kept_is_named_by_all_that_it_follows_from():
    """Teacher, student, data, lesson and seed: if one of them is another, so is the name."""
    manual_seed(0)
    data, other = (Labelled(np.full((4, 4), value, np.float32), np.zeros(4, np.int64)) for value in (0, 1))
    teacher, student = Linear(4, 3), Linear(4, 3)
    cases = [
        (Lessons(teacher, data, Lesson()), student),
        (Lessons(teacher, data, Lesson()), Linear(4, 3)),
        (Lessons(Linear(4, 3), data, Lesson()), student),
        (Lessons(teacher, other, Lesson()), student),
        (Lessons(teacher, data, Lesson(epochs=1)), student),
        (Lessons(teacher, data, Lesson(), seed=1), student),
    ]
    assert len({lessons.name_for(model) for lessons, model in cases}) == len(cases)
    assert cases[0][0].name_for(student) == cases[0][0].name_for(student)


def test_a_rehearsal_takes_lessons_again_without_noise_and_more_slowly():
    """Each time it is gone through, in another order."""
    data = Labelled(np.arange(12, dtype=np.float32).reshape(6, 2), np.zeros(6, np.int64))
    found = rehearsal(Lessons(Linear(2, 3), data, Lesson(learning_rate=0.02, rehearsals=2)), lambda: None)
    first, second = ([x.data for x, _ in found["batches"]] for _ in range(2))
    assert (found["epochs"], found["lr"], len(first)) == (2, pytest.approx(0.002), 1)
    assert not np.array_equal(first[0], second[0])


def test_every_recipe_is_of_known_techniques_and_ends_compiled():
    """And no two are the same."""
    known = {*TECHNIQUES, "distil.v1"}
    for recipe in RECIPES:  # of a task that brings none of its own
        assert set(recipe.techniques) <= known
        assert recipe.is_compiled
        assert "{" not in str(recipe)
    assert len({str(recipe) for recipe in RECIPES}) == len(RECIPES)


def test_a_recipe_says_what_the_file_holds():
    """Compiling is done where the model runs."""
    step = Step("quantize.int8.dynamic.v1")
    assert Recipe((step, Step("compile.v1"))).stored == (step,) == Recipe((step,)).stored
    assert (str(Recipe(())), Recipe(()).is_compiled) == ("as it is", False)


def test_the_front_keeps_equals_and_drops_what_is_beaten():
    """In one coordinate and equal in the others is beaten too."""
    assert front([(1, 1, 1), (1, 1, 1), (1, 1, 2), (0, 3, 3)]) == [True, True, False, True]


@pytest.mark.parametrize(("seconds", "sessions"), [(50.0, 10), (30.0, 5), (0.0, 3)])
def test_what_is_measured_in_the_end_fits_what_is_left_of_the_time(seconds, sessions):
    """But never fewer than three sessions, which a verdict takes; what fits keeps its name."""
    found = planned("standard", 4, seconds)
    assert planned("standard", 4, 1000.0) == "standard"
    assert found.sessions == sessions
    assert 0 < found.budget_seconds <= PRESETS["standard"].budget_seconds


@pytest.mark.parametrize("batch", [0, 5])
def test_a_task_needs_as_many_validation_samples_as_a_call_takes(batch):
    """The number is named."""
    data = Labelled(np.ones((4, 2), np.float32), np.zeros(4, np.int64))
    with pytest.raises(RangeError, match="batch must be in"):
        Task("t", Linear(2, 2), data, data, data, batch)


def test_samples_without_labels_are_refused():
    """None at all, too few of them, or of a wrong shape."""
    with pytest.raises(DataError, match="at least one"):
        Labelled(np.ones((0, 2)), np.ones(0))
    for labels in (np.ones(2), np.ones((3, 2, 2))):
        with pytest.raises(ShapeError, match="the labels"):
            Labelled(np.ones((3, 2)), labels)
    with pytest.raises(RangeError, match="share"):
        held_back(Labelled(np.ones((3, 2)), np.ones(3)), 1.0, 0)


def test_what_is_held_back_and_what_is_left_are_all_there_is():
    """Each sample is in one of them, and the seed decides in which."""
    data = Labelled(np.arange(20).reshape(10, 2), np.arange(10))
    rest, taken = held_back(data, 0.3, seed=4)
    assert sorted([*rest.labels, *taken.labels]) == list(range(10))
    assert (taken.inputs[:, 0] == 2 * taken.labels).all()
    assert held_back(data, 0.3, seed=4)[1].labels.tolist() == taken.labels.tolist()
