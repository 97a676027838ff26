"""Every milestone in its smoke form, and how their figures are judged."""

import json
import math

import pytest

from tinytorch.capstone.milestones import LISTED, MILESTONES, Figure, Goal, Milestone, Outcome, Run, run_milestone
from tinytorch.errors import RangeError


@pytest.mark.parametrize("milestone", LISTED, ids=[milestone.name for milestone in LISTED])
def test_a_smoke_run_goes_through_and_is_not_judged(milestone):
    """Seconds on little data, without a network; the figures are numbers, and JSON can hold the settings."""
    told = []
    result = run_milestone(milestone, Run(smoke=True, on_progress=told.append))
    assert result.reached is None
    assert result.outcome.figures[0].unit == milestone.goal.unit
    assert all(math.isfinite(figure.value) for figure in result.outcome.figures)
    assert told[-1].step <= told[-1].total
    json.dumps(result.outcome.settings, allow_nan=False)


@pytest.mark.parametrize("name", ["perceptron", "mlp-mnist"])
def test_the_same_seed_gives_the_same_figures(name):
    """A reader can do it again."""
    runs = [run_milestone(MILESTONES[name], Run(seed=5, smoke=True)).outcome for _ in range(2)]
    assert runs[0] == runs[1]


def test_names_are_told_apart_and_years_go_up():
    """The list is a history."""
    assert len(MILESTONES) == len(LISTED)
    assert [one.year for one in LISTED] == sorted(one.year for one in LISTED)


def test_the_perceptron_reaches_its_goal():
    """It takes a fraction of a second, so its full form is tested."""
    assert run_milestone(MILESTONES["perceptron"], Run()).reached is True


GOALS = [
    (Goal("more", 0.98), 0.98, True),
    (Goal("more", 0.98), 0.9799, False),
    (Goal("more", 0.98), math.nan, False),
    (Goal("less", 1.5), 1.4, True),
    (Goal("less", 1.5), 1.5, True),
    (Goal("less", 1.5), 1.51, False),
    (Goal("less", 1.5), math.nan, False),
]


@pytest.mark.parametrize(("goal", "value", "expected"), GOALS)
def test_a_goal_is_reached_or_missed(goal, value, expected, clock):
    """By the first figure; NaN reaches nothing."""
    figures = (Figure("measured", value, "ratio"), Figure("another", 2.0, "ratio"))
    milestone = Milestone("made up", 2000, "", "", goal, lambda _: Outcome(figures))
    assert run_milestone(milestone, Run(), clock).reached is expected


def test_the_duration_is_the_clocks(clock):
    """A virtual clock knows it exactly."""

    def work(_):
        clock.pass_time(2_500_000_000)
        return Outcome((Figure("measured", 1.0, "unit"),))

    milestone = Milestone("made up", 2000, "", "", Goal("more", 0.5), work)
    assert run_milestone(milestone, Run(), clock).seconds == 2.5


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_a_seed_out_of_range_is_refused(seed):
    """NumPy's global state takes no more."""
    with pytest.raises(RangeError, match=r"seed must be a whole number in \[0, 2\*\*32\)"):
        Run(seed=seed)
