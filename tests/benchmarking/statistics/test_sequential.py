"""Looking while measuring."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import pytest

from tinytorch.benchmarking.statistics import AnytimeSignTest, FixedLooks, paired_ratio
from tinytorch.errors import RangeError

BASE = paired_ratio([[0.0, 0.01, -0.01]] * 6)


def evidence(positive, negative, a=10):
    """Compute 2ⁿ B(a + s, a + n - s) / B(a, a) in whole numbers."""
    beta = lambda x, y: Fraction(math.factorial(x - 1) * math.factorial(y - 1), math.factorial(x + y - 1))
    return 2 ** (positive + negative) * beta(a + positive, a + negative) / beta(a, a)


@pytest.mark.parametrize(("positive", "negative"), [(0, 0), (1, 0), (0, 3), (12, 4), (40, 40), (300, 60)])
@pytest.mark.parametrize("prior", [1, 10])
def test_the_evidence_is_a_ratio_of_beta_functions(positive, negative, prior):
    """Computed in logarithms here, in fractions there."""
    test = AnytimeSignTest(prior=prior, positive=positive, negative=negative)
    assert test.log_evidence == pytest.approx(math.log(evidence(positive, negative, prior)), abs=1e-9)


def test_the_evidence_is_a_fair_game():
    """Its mean over all 2**n patterns of a fair coin is 1: that is why the promise holds."""
    tests = [AnytimeSignTest().after(pattern) for pattern in itertools.product((-1.0, 1.0), repeat=8)]
    assert math.fsum(math.exp(test.log_evidence) for test in tests) / 256 == pytest.approx(1.0)


def test_false_alarms_at_any_look_are_rare_for_certain():
    """The chance that a fair coin ever reaches 1/alpha in 400 tosses, summed over all paths: below alpha, not far."""
    chances, alarms = {0: 1.0}, 0.0
    for n in range(1, 401):
        following: dict[int, float] = {}
        for positive, chance in chances.items():
            for outcome in (positive, positive + 1):
                following[outcome] = following.get(outcome, 0.0) + chance / 2
        rejecting = [s for s in following if AnytimeSignTest(positive=s, negative=n - s).log_evidence >= math.log(20)]
        alarms += sum(following.pop(s) for s in rejecting)
        chances = following
    assert 0.02 < alarms < 0.05


def test_it_rejects_at_the_first_look_that_reaches_1_over_alpha():
    """Fourteen in a row are not enough, fifteen are."""
    enough = next(n for n in itertools.count(1) if evidence(n, 0) >= 20)
    test = AnytimeSignTest().after([1.0] * (enough - 1))
    assert not test.rejects
    assert test.after([1.0]).rejects
    assert enough == 15


def test_a_looser_test_rejects_sooner():
    """At 0.5 the evidence need only double."""
    enough = next(n for n in itertools.count(1) if evidence(n, 0) >= 2)
    assert AnytimeSignTest(alpha=0.5).after([1.0] * enough).rejects
    assert not AnytimeSignTest(alpha=0.5).after([1.0] * (enough - 1)).rejects


def test_both_directions_are_evidence():
    """The mixture is symmetric, and the test knows which way it went."""
    up, down = AnytimeSignTest().after([0.1] * 9), AnytimeSignTest().after([-0.1] * 9)
    assert up.log_evidence == down.log_evidence
    assert (up.direction, down.direction, AnytimeSignTest().direction) == (1, -1, 0)
    assert AnytimeSignTest().after([1.0, -1.0]).direction == 0


def test_a_rejection_stands():
    """Evidence that was there may not be talked away by going on."""
    test = AnytimeSignTest().after([1.0] * 20)
    later = test.after([-1.0] * 20)
    assert later.rejects
    assert later.log_evidence < 0 < later.peak == test.peak
    assert later.p_value == test.p_value


def test_the_p_value_is_one_over_the_largest_evidence():
    """And 1 before anything came in, or where nothing was ever found."""
    assert AnytimeSignTest().p_value == 1.0
    assert AnytimeSignTest().after([1.0, -1.0] * 20).p_value == pytest.approx(1.0)
    assert AnytimeSignTest().after([1.0] * 15).p_value == pytest.approx(float(1 / evidence(15, 0)))


def test_no_difference_has_no_sign():
    """Exact zeros change nothing."""
    assert AnytimeSignTest().after([0.0] * 50) == AnytimeSignTest()
    found = AnytimeSignTest().after([1.0, 0.0, -1.0, 2.0])
    assert (found.positive, found.negative) == (2, 1)


def test_taking_in_one_by_one_is_taking_in_all():
    """The order of calls is that of the data."""
    values = [1.0, -1.0, 1.0, 1.0, 1.0]
    test = AnytimeSignTest()
    for value in values:
        test = test.after([value])
    assert test == AnytimeSignTest().after(iter(values))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_has_no_sign(value):
    """NaN is neither above nor below, and is refused."""
    with pytest.raises(RangeError, match="the differences must be finite"):
        AnytimeSignTest().after([value])


@pytest.mark.parametrize("given", [{"alpha": 0}, {"alpha": 1}, {"alpha": math.nan}, {"prior": 0}, {"prior": math.inf}])
def test_impossible_tests_are_refused(given):
    """Certainty is not to be had, and a mixture has a shape."""
    with pytest.raises(RangeError, match=next(iter(given))):
        AnytimeSignTest(**given)


def test_looks_come_in_order():
    """The next one, and none after the last."""
    looks = FixedLooks((6, 12, 24), 0.01)
    assert [looks.next_after(sessions) for sessions in (0, 5, 6, 11, 12, 23, 24, 99)] == [
        6,
        6,
        12,
        12,
        24,
        24,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("sessions", "high", "stops"),
    [
        (6, 1.009, True),
        (6, 1.02, False),
        (7, 1.009, False),
        (12, 1.009, True),
        (24, 2.0, True),
        (25, 2.0, True),
        (23, 2.0, False),
    ],
)
def test_it_stops_at_a_look_that_is_narrow_enough_or_the_last(sessions, high, stops):
    """Between looks, never: and whether the interval excludes 1 plays no part."""
    ratio = replace(BASE, value=1.0, low=1.0, high=high, sessions=sessions)
    assert FixedLooks((6, 12, 24), 0.01).stops(ratio) is stops


def test_a_width_of_just_the_target_is_enough():
    """At most that."""
    ratio = replace(BASE, value=1.0, low=1.0, high=1.01, sessions=6)
    assert FixedLooks((6, 12), ratio.half_width).stops(ratio)


def test_a_ratio_without_ends_does_not_stop():
    """Unknown is not narrow."""
    assert not FixedLooks((6, 12), 0.01).stops(replace(BASE, low=None, high=None, sessions=6))


@pytest.mark.parametrize("sessions", [(), (6, 6), (12, 6), (1, 6), (0,)])
def test_looks_rise_from_two_sessions(sessions):
    """One session bounds nothing."""
    with pytest.raises(RangeError, match="the looks must be rising"):
        FixedLooks(sessions, 0.01)


def test_two_sessions_may_be_looked_at():
    """The least that has a spread."""
    assert FixedLooks((2,), 0.01).next_after(0) == 2


@pytest.mark.parametrize("width", [0, -1, math.nan, math.inf])
def test_a_width_is_a_share_above_0(width):
    """A width of nothing is never reached."""
    with pytest.raises(RangeError, match="half_width"):
        FixedLooks((6,), width)


def test_nothing_new_changes_nothing():
    """An empty round of looks is no error."""
    assert AnytimeSignTest(positive=3).after([]) == AnytimeSignTest(positive=3)
