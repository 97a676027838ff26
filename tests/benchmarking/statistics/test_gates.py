"""Gates."""

import math
from dataclasses import replace

import pytest

from tinytorch.benchmarking.statistics import Passage, gate, paired_ratio
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
