"""The paired ratio: its value, its interval, its dependence rule, and the p-value that belongs to it."""

import itertools
import math
from statistics import median

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import (
    autocorrelation,
    block_size,
    blocked,
    paired_p_value,
    paired_ratio,
    sign_interval,
)
from tinytorch.errors import RangeError

FUNCTIONS = [paired_ratio, paired_p_value, autocorrelation, block_size, lambda sessions: blocked(sessions, 2)]
RNG = np.random.default_rng(5)
SESSIONS = (0.1 + 0.03 * RNG.standard_normal((6, 20)) + 0.01 * RNG.standard_normal((6, 1))).tolist()
TRENDING = [[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1], [1.0] * 6 + [2.0] * 6]


def alike(values, sessions):
    return [list(values)] * sessions


def test_a_constant_ratio_has_an_interval_of_no_width():
    """Twice as fast in every round is twice as fast, exactly."""
    ratio = paired_ratio(alike([math.log(2)] * 10, 3))
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0), rel=1e-15)


def test_every_attribute_is_what_it_says():
    """Six sessions of twenty rounds, computed again with NumPy and scipy."""
    ratio, medians = paired_ratio(SESSIONS), np.median(SESSIONS, axis=1)
    low, high = stats.t.interval(0.95, 5, medians.mean(), stats.sem(medians))
    rounds = sign_interval(np.ravel(SESSIONS).tolist())
    assert ratio.value == pytest.approx(math.exp(medians.mean()))
    assert (math.log(ratio.low), math.log(ratio.high)) == pytest.approx((min(low, rounds.low), max(high, rounds.high)))
    assert ratio.session_sd == pytest.approx(medians.std(ddof=1))
    assert (ratio.confidence, ratio.sessions, ratio.rounds, ratio.protocol) == (0.95, 6, 120, "paired")
    assert (ratio.rounds_per_block, ratio.autocorrelation, ratio.reason) == (1, autocorrelation(SESSIONS), None)


def test_the_interval_is_that_of_sessions_where_they_differ():
    """Sessions at 1 and 4 times cannot be summed up as narrowly 2 times: Student's t has one degree of freedom."""
    ratio = paired_ratio([[0.0] * 10, [math.log(4)] * 10])
    half = stats.t.ppf(0.975, 1) * math.log(4) / 2
    assert (math.log(ratio.low), math.log(ratio.high)) == pytest.approx((math.log(2) - half, math.log(2) + half))


def test_the_interval_is_that_of_rounds_where_sessions_agree():
    """Equal medians have no spread, but twelve rounds have: their third and tenth bound the median."""
    ratio = paired_ratio(alike([-0.2, -0.1, 0.0, 0.0, 0.1, 0.2], 2))
    assert (math.log(ratio.low), math.log(ratio.high)) == pytest.approx((-0.1, 0.1))


def test_less_confidence_is_a_narrower_interval():
    """The confidence reaches both halves of the hull."""
    for sessions in (SESSIONS, alike([-0.3, 0.1, -0.1, 0.3, -0.2, 0.2], 2)):
        wide, narrow = paired_ratio(sessions, 0.99), paired_ratio(sessions, 0.5)
        assert wide.low < narrow.low < narrow.high < wide.high
        assert (wide.confidence, narrow.confidence) == (0.99, 0.5)


def test_one_session_bounds_nothing():
    """What processes differ by is unknown, however many rounds there are."""
    ratio = paired_ratio([[0.1, 0.2, 0.3] * 20])
    assert (ratio.low, ratio.high, ratio.session_sd) == (None, None, 0.0)
    assert ratio.reason == "one value has no spread"
    assert (ratio.half_width, ratio.log_half_width) == (None, None)
    assert not ratio.lies_above(0.0)
    assert not ratio.lies_below(100.0)


def test_five_rounds_in_all_bound_nothing():
    """The sign test takes six."""
    ratio = paired_ratio([[0.1, 0.2], [0.1, 0.2, 0.3]])
    assert (ratio.low, ratio.high, ratio.reason) == (None, None, "5 values do not bound a median")


def test_the_width_is_that_of_the_farther_end():
    """Ranks 3 and 10 of these twelve rounds lie at the value and 0.2 above it; turned over, 0.2 below."""
    rounds = [0.3, -0.1, 0.0, 0.2, 0.0, 0.0]
    for sign in (1, -1):
        ratio = paired_ratio(alike([sign * value for value in rounds], 2))
        assert sorted((math.log(ratio.low), math.log(ratio.high)), key=abs) == pytest.approx([0.0, 0.2 * sign])
        assert ratio.log_half_width == pytest.approx(0.2)
        assert ratio.half_width == pytest.approx(math.exp(0.2) - 1)


def test_an_interval_lies_beyond_a_bound_only_as_a_whole():
    """Its own ends are not beyond it."""
    ratio = paired_ratio(SESSIONS)
    assert ratio.lies_above(math.nextafter(ratio.low, 0))
    assert not ratio.lies_above(ratio.low)
    assert ratio.lies_below(math.nextafter(ratio.high, 9))
    assert not ratio.lies_below(ratio.high)


def test_swapping_the_variants_turns_the_ratio_over():
    """No side is preferred."""
    one, other = paired_ratio(SESSIONS), paired_ratio([[-value for value in session] for session in SESSIONS])
    assert (other.value, other.low, other.high) == pytest.approx((1 / one.value, 1 / one.high, 1 / one.low))


@pytest.mark.parametrize("sessions", [[[1.0, 2.0, 4.0, 8.0]], TRENDING, SESSIONS, [[3.0], [1.0, 2.0]]])
def test_autocorrelation_is_the_textbook_sum_over_sessions(sessions):
    """Products of neighbours over squares, each session about its own mean."""
    products = squares = 0.0
    for session in sessions:
        rest = np.asarray(session) - np.mean(session)
        products += float(rest[:-1] @ rest[1:])
        squares += float(rest @ rest)
    assert autocorrelation(sessions) == pytest.approx(products / squares)


def test_what_does_not_vary_does_not_depend():
    """0 over 0 is 0 here."""
    assert autocorrelation([[1.0, 1.0], [2.0]]) == 0.0


def test_a_block_is_as_long_as_the_dependence_asks():
    """(1 + r) / (1 - r), rounded up, once r passes 2 / √n."""
    for sessions in (TRENDING, [TRENDING[1]], [[*range(30)]]):
        r = autocorrelation(sessions)
        assert r > 2 / math.sqrt(sum(map(len, sessions)))
        assert block_size(sessions) == min(math.ceil((1 + r) / (1 - r)), len(sessions[0])) > 1


def test_a_block_is_never_longer_than_the_shortest_session():
    """Every session keeps one."""
    long = [*range(100)]
    assert block_size([long]) == math.ceil((1 + autocorrelation([long])) / (1 - autocorrelation([long])))
    assert block_size([long, [5.0] * 9]) == 9
    assert block_size([[5.0] * 4, long]) == 4


def test_all_rounds_tell_of_the_dependence():
    """A correlation of a quarter is none in twelve rounds, and one in ten such sessions."""
    session = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    r = autocorrelation([session])
    assert 2 / math.sqrt(120) < r < 2 / math.sqrt(12)
    assert block_size([session]) == 1
    assert block_size([session] * 10) == math.ceil((1 + r) / (1 - r))


def test_a_dependence_just_at_the_limit_is_none():
    """Nine rounds at 2/3 stay nine rounds."""
    session = [*range(1, 10)]
    assert autocorrelation([session]) == pytest.approx(2 / 3)
    assert autocorrelation([session]) <= 2 / math.sqrt(9)
    assert block_size([session]) == 1


def test_blocks_are_medians_and_the_last_takes_the_rest():
    """Nothing is left out."""
    assert blocked([[3.0, 1.0, 2.0, 9.0, 7.0]], 2) == [[2.0, 7.0]]
    assert blocked([[3.0, 1.0, 2.0, 9.0]], 2) == [[2.0, 5.5]]
    assert blocked([[3.0, 1.0, 2.0], [5.0]], 1) == [[3.0, 1.0, 2.0], [5.0]]
    assert blocked([[3.0, 1.0, 2.0], [5.0]], 7) == [[2.0], [5.0]]
    assert blocked([[1.0, 2.0, 3.0]], 3) == [[2.0]]


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_block_has_whole_rounds(size):
    """At least one."""
    with pytest.raises(RangeError, match="rounds of a block must be a whole number of at least 1"):
        blocked([[1.0]], size)


def test_dependent_rounds_are_made_blocks_before_anything_else():
    """Value and interval are those of the blocks, and the ratio says how many rounds one has."""
    ratio, size = paired_ratio(TRENDING), block_size(TRENDING)
    blocks = blocked(TRENDING, size)
    medians = [median(session) for session in blocks]
    assert size > 1
    assert ratio.rounds_per_block == size
    assert ratio.rounds == 24
    assert ratio.value == pytest.approx(math.exp(sum(medians) / 2))
    assert ratio.reason == f"{sum(map(len, blocks))} values do not bound a median"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("sessions", [SESSIONS, [[0.1, 0.3, -0.05, 0.2], [0.2, 0.3, 0.1, 0.4], [0.1, 0.1, 0.2, 0.0]]])
def test_the_p_value_is_where_the_interval_begins_to_exclude_1(sign, sessions):
    """One step of confidence below 1 - p it does, one step above it does not."""
    turned = [[sign * value for value in session] for session in sessions]
    p = paired_p_value(turned)
    excludes = lambda ratio: ratio.low is not None and (ratio.low > 1 or ratio.high < 1)
    assert 0 < p < 1
    assert excludes(paired_ratio(turned, 1 - p * 1.001))
    assert not excludes(paired_ratio(turned, 1 - p * 0.999))


def test_the_p_value_of_rounds_is_a_count_of_signs():
    """Sessions that agree leave the sign test: two of eight against, of all 256 patterns, on both sides."""
    sessions = alike([0.1, 0.1, 0.1, -0.1], 2)
    fewer = [sum(pattern) for pattern in itertools.product((0, 1), repeat=8)]
    assert paired_p_value(sessions) == pytest.approx(2 * sum(count <= 2 for count in fewer) / 256)


def test_the_p_value_of_sessions_is_students():
    """Many rounds leave Student's t over few sessions."""
    sessions = [[0.1] * 40, [0.2] * 40, [0.4] * 40]
    assert paired_p_value(sessions) == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.4], 0).pvalue)


@pytest.mark.parametrize("sessions", [[[0.1] * 30], [[0.0] * 9] * 3, [[0.1] * 9, [-0.1] * 9], [[-0.1] * 5, [0.3]]])
def test_nothing_is_shown_by_one_session_or_none_at_all(sessions):
    """One session, no difference, or sessions on either side: 1 but where the sign test has its say."""
    assert paired_p_value(sessions) == 1.0


def test_rounds_without_a_difference_count_against_it():
    """Half zeros are no evidence, though all others point one way."""
    sessions = [[0.0, 0.0, 0.1, 0.1, 0.1] * 4, [0.0, 0.1, 0.1, 0.1] * 5]
    for sign in (1, -1):
        turned = [[sign * value for value in session] for session in sessions]
        assert paired_p_value(turned) == pytest.approx(2 * stats.binom.cdf(13, 40, 0.5))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("sessions", "problem"),
    [
        ([], "the sessions must be at least one"),
        ([[0.1], []], "the rounds of a session must be at least one"),
        ([[0.1, math.nan]], "the rounds of a session must be finite; got nan — at index 1"),
        ([[0.1, -math.inf]], "must be finite"),
    ],
)
def test_what_is_no_session_is_refused(function, sessions, problem):
    """Nothing, and no number."""
    with pytest.raises(RangeError, match=problem):
        function(sessions)


def test_a_confidence_of_95_is_refused():
    """It is 0.95."""
    with pytest.raises(RangeError, match=r"confidence must be in \(0, 1\); got 95. 95 % is 0.95."):
        paired_ratio(SESSIONS, 95)


def test_arrays_will_do():
    """Sessions may come from NumPy; what goes out is plain floats, that JSON takes."""
    found = paired_ratio(np.asarray(SESSIONS))
    assert found == paired_ratio(SESSIONS)
    assert {type(end) for end in (found.value, found.low, found.high)} == {float}
