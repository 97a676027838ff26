"""Gates."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tinytorch.benchmarking.statistics import Passage, gate, gates, paired_p_value, paired_ratio
from tinytorch.errors import RangeError

BASE = paired_ratio([[0.0, 0.01, -0.01]] * 6)


def slow(share):
    """Make a ratio whose slow-down is at least `share`, and seems twice that."""
    return replace(BASE, value=1 / (1 + 2 * share), low=1 / (1 + 3 * share), high=1 / (1 + share))


def test_what_is_proven_slower_than_allowed_is_to_be_confirmed():
    """The lower bound of the slow-down counts, not its estimate."""
    found = gate(slow(0.06), 0.05)
    assert found.passage is Passage.CONFIRM
    assert (found.slow_down, found.slow_down_low) == pytest.approx((0.12, 0.06))
    assert found.allowed == 0.05


@pytest.mark.parametrize("share", [0.04, 0.0, 0.02])
def test_what_may_be_within_the_budget_passes(share):
    """Though it seems twice as slow as that."""
    assert gate(slow(share), 0.05).passage is Passage.PASS


def test_a_slow_down_of_just_the_budget_passes():
    """More than allowed is more."""
    assert gate(replace(BASE, high=0.8), 0.25).passage is Passage.PASS


def test_what_the_instrument_cannot_tell_from_nothing_passes():
    """The certificate's half-width counts where it is larger, the budget where that is."""
    assert gate(slow(0.06), 0.05, 0.08).passage is Passage.PASS
    assert gate(slow(0.06), 0.05, 0.08).allowed == 0.08
    assert gate(slow(0.06), 0.05, 0.01).passage is Passage.CONFIRM


def test_a_repetition_confirms_or_clears():
    """A gate fails only what is seen twice; a repetition of what passed is not looked at."""
    assert gate(slow(0.06), 0.05, confirmation=slow(0.07)).passage is Passage.FAIL
    assert gate(slow(0.06), 0.05, confirmation=slow(0.04)).passage is Passage.PASS
    assert gate(slow(0.04), 0.05, confirmation=slow(0.07)).passage is Passage.PASS
    assert gate(slow(0.3), 0.25, confirmation=replace(BASE, high=0.8)).passage is Passage.PASS


def test_what_is_faster_has_a_negative_slow_down():
    """Twice as fast takes half the time."""
    found = gate(replace(BASE, value=2.0, low=1.9, high=2.5), 0.0)
    assert (found.passage, found.slow_down, found.slow_down_low) == (Passage.PASS, -0.5, -0.6)


def test_a_ratio_without_an_upper_end_is_refused():
    """A gate that nothing can fail is none."""
    unknown = paired_ratio([[0.0, 0.1]])
    with pytest.raises(RangeError, match="a gate's ratio must be bounded above; got one value has no spread"):
        gate(unknown, 0.05)
    with pytest.raises(RangeError, match="bounded above"):
        gate(slow(0.06), 0.05, confirmation=unknown)
    with pytest.raises(RangeError, match="got no reason given"):
        gate(replace(BASE, high=None), 0.05)


@pytest.mark.parametrize("name", ["budget", "half_width"])
@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_what_is_allowed_is_a_share(name, value):
    """Not negative, and a number."""
    with pytest.raises(RangeError, match=f"{name} must be a share of at least 0"):
        gate(BASE, **{"budget": 0.1, "half_width": 0.1, name: value})


NOTHING = [[0.0, 0.01, -0.01, 0.0]] * 6
SLOW = [[-0.10, -0.11, -0.09, -0.10]] * 6


def drawn(share, spread, seed, sessions=6):
    """Draw the log ratios of a candidate that is slower by a share, with sessions that differ."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(-math.log1p(share), spread) + rng.normal(0, spread, 8)).tolist() for _ in range(sessions)]


def passages(*arguments, **named):
    """Say what each gate says."""
    return [found.passage for found in gates(*arguments, **named)]


@pytest.mark.parametrize("share", [0.0, 0.03, 0.05, 0.06, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_one_candidate_is_judged_as_alone(share, seed):
    """There is nothing to correct for."""
    rounds, again = drawn(share, 0.01, seed), drawn(share, 0.01, seed + 100)
    (found,) = gates([rounds], 0.05, 0.02)
    assert found == gate(paired_ratio(rounds), 0.05, 0.02)
    (confirmed,) = gates([rounds], 0.05, 0.02, [again])
    assert confirmed == gate(paired_ratio(rounds), 0.05, 0.02, paired_ratio(again))


def test_a_slow_down_that_is_barely_proven_alone_is_not_among_others():
    """Twenty candidates, each of which fails with 1 in 40 chances by luck alone, are no proof against one."""
    seed = next(seed for seed in range(1000) if 0.01 < paired_p_value(_shifted(drawn(0.08, 0.02, seed))) < 0.05)
    barely = drawn(0.08, 0.02, seed)
    assert passages([barely], 0.05) == [Passage.CONFIRM]
    assert passages([barely, *[NOTHING] * 19], 0.05) == [Passage.PASS] * 20


def _shifted(rounds):
    return [[value + math.log1p(0.05) for value in session] for session in rounds]


def test_what_is_clear_is_found_among_others():
    """And takes nothing from the next: Holm's steps, not Bonferroni's."""
    assert passages([NOTHING, SLOW, NOTHING, SLOW], 0.05) == [
        Passage.PASS, Passage.CONFIRM, Passage.PASS, Passage.CONFIRM,
    ]  # fmt: skip


def test_several_gates_together_raise_no_more_false_alarms_than_one():
    """Of 200 times five candidates that are slower by just the budget, at most one in ten has an alarm."""
    alarms = 0
    for trial in range(200):
        candidates = [drawn(0.05, 0.01, 1000 * trial + number) for number in range(5)]
        alarms += Passage.CONFIRM in passages(candidates, 0.05)
    assert alarms <= 20


def test_a_repetition_corrects_for_what_it_is_about_only():
    """Of ten candidates, one is measured again in earnest."""
    found = passages([SLOW, *[NOTHING] * 9], 0.05, confirmation=[SLOW, *[NOTHING] * 9])
    assert found == [Passage.FAIL, *[Passage.PASS] * 9]
    assert passages([SLOW, NOTHING], 0.05, confirmation=[NOTHING, SLOW]) == [Passage.PASS] * 2


@pytest.mark.parametrize("lost", [[], [[0.0]], [[-0.1, -0.1]]])
def test_what_is_lost_in_the_repetition_is_unknown(lost):
    """It neither passes nor stops the others' gates."""
    assert passages([SLOW, SLOW], 0.05, confirmation=[lost, SLOW]) == [Passage.UNKNOWN, Passage.FAIL]


@pytest.mark.parametrize("lost", [[], [[0.0]], [[-0.1, -0.1]]])
def test_what_nothing_bounds_is_unknown(lost):
    """With no lower bound to show."""
    found, other = gates([lost, SLOW], 0.05)
    assert (found.passage, found.slow_down_low, other.passage) == (Passage.UNKNOWN, None, Passage.CONFIRM)


def test_too_few_rounds_for_the_higher_confidence_pass():
    """Bounded at 95 %, not at 99.75 %: nothing is shown."""
    few = [[-0.2, -0.21, -0.19], [-0.2, -0.21, -0.19]]
    assert passages([few], 0.05) == [Passage.CONFIRM]
    assert passages([few, *[NOTHING] * 19], 0.05) == [Passage.PASS] * 20


def test_a_repetition_is_of_the_same_candidates():
    """By their places."""
    with pytest.raises(RangeError, match="the repetition must be of 2 candidates; got 1"):
        gates([SLOW, SLOW], 0.05, confirmation=[SLOW])


@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
def test_what_several_gates_allow_is_a_share(value):
    """As for one."""
    with pytest.raises(RangeError, match="budget must be a share"):
        gates([SLOW], value)
