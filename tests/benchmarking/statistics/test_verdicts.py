"""Verdicts: which of the four, what could have been found, and at what price."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tinytorch.benchmarking.statistics import (
    Outcome,
    Verdict,
    holm,
    judge,
    judge_ratios,
    paired_ratio,
    sequential_ratio,
)
from tinytorch.benchmarking.statistics.verdicts import _reach
from tinytorch.errors import RangeError

RNG = np.random.default_rng(11)
NOISE = (0.03 * RNG.standard_normal((6, 60)) + 0.005 * RNG.standard_normal((6, 1))).tolist()
BASE = paired_ratio(NOISE)


def ratio(low, high, *, value=None, **others):
    """Make a ratio with this interval."""
    return replace(BASE, value=value or math.sqrt(low * high), low=low, high=high, **others)


def shifted(share):
    return [[value + math.log1p(share) for value in session] for session in NOISE]


@pytest.mark.parametrize(
    ("wide", "narrow", "outcome"),
    [
        ((1.01, 1.03), (1.015, 1.025), Outcome.FASTER),
        ((0.97, 0.99), (0.975, 0.985), Outcome.SLOWER),
        ((0.99, 1.01), (0.995, 1.005), Outcome.EQUIVALENT),
        ((0.97, 1.01), (0.981, 1.005), Outcome.EQUIVALENT),
        ((0.97, 1.01), (0.980, 1.005), Outcome.UNDECIDED),
        ((0.99, 1.03), (0.995, 1.02), Outcome.UNDECIDED),
        ((1.0, 1.1), (1.01, 1.09), Outcome.UNDECIDED),
        ((0.9, 1.0), (0.91, 0.99), Outcome.UNDECIDED),
        ((1.001, 1.01), (1.002, 1.009), Outcome.FASTER),
    ],
)
def test_the_intervals_decide(wide, narrow, outcome):
    """95 % must exclude 1; else 90 % must lie within 1/1.02 to 1.02; an end that touches is not beyond."""
    assert judge_ratios(ratio(*wide), ratio(*narrow)).outcome is outcome


def test_what_the_instrument_makes_itself_is_no_change():
    """With a threshold of 1 %, an interval above 1 that reaches below 1.01 is not faster; likewise slower."""
    assert judge_ratios(ratio(1.005, 1.03), ratio(1.005, 1.03), threshold=0.01).outcome is Outcome.UNDECIDED
    assert judge_ratios(ratio(1.011, 1.03), ratio(1.011, 1.03), threshold=0.01).outcome is Outcome.FASTER
    assert judge_ratios(ratio(0.97, 0.991), ratio(0.97, 0.991), threshold=0.01).outcome is Outcome.UNDECIDED
    assert judge_ratios(ratio(0.97, 0.990), ratio(0.97, 0.990), threshold=0.01).outcome is Outcome.SLOWER
    assert judge_ratios(ratio(1.005, 1.01), ratio(1.005, 1.01), threshold=0.01).outcome is Outcome.EQUIVALENT
    assert judge_ratios(ratio(1.005, 1.01), ratio(1.005, 1.01), threshold=0.01).threshold == 0.01


def test_the_margin_may_be_another():
    """5 % takes in what 2 % leaves open."""
    wide, narrow = ratio(0.95, 1.05), ratio(0.96, 1.04)
    assert judge_ratios(wide, narrow).outcome is Outcome.UNDECIDED
    found = judge_ratios(wide, narrow, 0.05)
    assert (found.outcome, found.margin, found.threshold) == (Outcome.EQUIVALENT, 0.05, 0.0)


def test_a_ratio_without_ends_decides_nothing():
    """One session says nothing of another."""
    found = judge([[5.0] * 60])
    assert (found.outcome, found.minimum_detectable_effect, found.sessions_to_decide) == (Outcome.UNDECIDED, None, None)
    assert (
        found.sentence()
        == "The two cannot be told apart yet: 148.413 times as fast, no interval (one value has no spread)."
    )


def test_judging_rounds_is_judging_their_two_ratios():
    """At 95 and at 90 %."""
    found = judge(NOISE, 0.03, 0.001)
    assert found == judge_ratios(paired_ratio(NOISE, 0.95), paired_ratio(NOISE, 0.90), 0.03, 0.001)
    assert (found.ratio.confidence, found.ratio90.confidence) == (0.95, 0.90)


@pytest.mark.parametrize(("share", "outcome"), [(0.1, "faster"), (-0.1, "slower"), (0.0, "equivalent")])
def test_a_change_of_ten_percent_is_found(share, outcome):
    """In either direction, and none where none is."""
    assert judge(shifted(share)).outcome == outcome


@pytest.mark.parametrize("sessions", [2, 3, 6, 12, 100])
def test_the_detectable_effect_solves_its_equation(sessions):
    """It is k - t = z √(1 + (t² + k²) / 2f), where the interval is Student's own."""
    f = sessions - 1
    t, z, spread = stats.t.ppf(0.975, f), stats.norm.ppf(0.8), 0.01
    half = t * spread / math.sqrt(sessions)
    made = ratio(math.exp(-half), math.exp(half), value=1.0, sessions=sessions, session_sd=spread)
    effect = judge_ratios(made, made).minimum_detectable_effect
    k = math.log1p(effect) * math.sqrt(sessions) / spread
    assert k - t == pytest.approx(z * math.sqrt(1 + (t * t + k * k) / (2 * f)))


def test_a_hull_wider_than_students_interval_raises_the_detectable_effect():
    """An interval three times as wide as the sessions' spread explains detects changes three times as large."""
    half = stats.t.ppf(0.975, 5) * 0.01 / math.sqrt(6)
    plain = ratio(math.exp(-half), math.exp(half), value=1.0, session_sd=0.01)
    wide = ratio(math.exp(-3 * half), math.exp(half), value=1.0, session_sd=0.01)
    effects = [math.log1p(judge_ratios(made, made).minimum_detectable_effect) for made in (plain, wide)]
    assert effects[1] == pytest.approx(3 * effects[0])


def test_a_spread_that_the_interval_does_not_show_is_still_one():
    """The larger of the two counts."""
    narrow = ratio(0.9999, 1.0001, value=1.0, session_sd=0.01)
    other = ratio(0.9999, 1.0001, value=1.0, session_sd=0.02)
    first, second = (math.log1p(judge_ratios(made, made).minimum_detectable_effect) for made in (narrow, other))
    assert second == pytest.approx(2 * first)


def sessions_needed(effect, spread, margin, known):
    """Count up, with scipy's quantiles, until one of the two tests has a power of 80 %."""
    for sessions in range(known + 1, 10_000):
        f, scale = sessions - 1, spread / math.sqrt(sessions)
        reach, power = stats.t.ppf([0.975, 0.95], f), stats.t.ppf(0.8, f)
        if effect >= (reach[0] + power) * scale or math.log1p(margin) - effect >= (reach[1] + power) * scale:
            return sessions - known
    return None


@pytest.mark.parametrize(("value", "spread"), [(1.03, 0.05), (1 / 1.03, 0.05), (1.002, 0.03), (1.019, 0.03)])
def test_the_sessions_that_would_decide_are_counted(value, spread):
    """To show a change, or that there is none worth the name, whichever takes fewer."""
    half = stats.t.ppf(0.975, 5) * spread / math.sqrt(6)
    made = ratio(value * math.exp(-half), value * math.exp(half), value=value, session_sd=spread)
    found = judge_ratios(made, made)
    assert found.outcome is Outcome.UNDECIDED
    assert found.sessions_to_decide == sessions_needed(abs(math.log(value)), spread, 0.02, 6)


@pytest.mark.parametrize("sessions", [3, 4, 7, 30])
def test_the_reach_is_the_sum_of_two_quantiles(sessions):
    """Both of Student's t with one degree of freedom fewer than sessions."""
    quantiles = stats.t.ppf([0.975, 0.8], sessions - 1)
    assert _reach(0.95, sessions) == pytest.approx(quantiles.sum() / math.sqrt(sessions))


def test_what_is_decided_needs_no_more_sessions():
    """Nothing is asked for."""
    assert judge(shifted(0.1)).sessions_to_decide is None


def test_what_ten_thousand_sessions_would_not_decide_has_no_number():
    """A spread beyond all measure."""
    wide = ratio(0.01, 100.0, value=1.0, session_sd=5.0)
    assert judge_ratios(wide, wide).sessions_to_decide is None
    assert judge_ratios(wide, wide).sentence().endswith("in four of five such comparisons.")


def test_runs_measured_apart_can_be_judged():
    """The same verdict on another protocol."""
    runs = [2.0, 2.1, 1.9, 2.0], [1.0, 1.1, 0.9, 1.0]
    found = judge_ratios(sequential_ratio(*runs), sequential_ratio(*runs, confidence=0.9))
    assert (found.outcome, found.ratio.protocol) == (Outcome.FASTER, "sequential")


def test_sentences():
    """What is printed, whole."""
    effect = {"session_sd": 0.02, "sessions": 6}
    for wide, expected in (
        ((1.01, 1.03), "The candidate is faster: 1.020 times as fast, 95 % interval 1.010 to 1.030."),
        ((0.97, 0.99), "The candidate is slower: 0.980 times as fast, 95 % interval 0.970 to 0.990."),
        ((0.99, 1.01), "The two are equivalent within 2.0%: 1.000 times as fast, 95 % interval 0.990 to 1.010."),
    ):
        made = ratio(*wide, **effect)
        assert judge_ratios(made, made).sentence() == expected
    made = ratio(0.96, 1.04, **effect)
    found = judge_ratios(made, made)
    assert found.sentence() == (
        "The two cannot be told apart yet: 0.999 times as fast, 95 % interval 0.960 to 1.040. A change of "
        f"{100 * found.minimum_detectable_effect:.2g} % would be seen in four of five such comparisons; "
        f"about {found.sessions_to_decide} more sessions would decide."
    )


@pytest.mark.parametrize(
    ("low", "high", "words"), [(None, 1.2, "interval 0 to 1.200"), (0.9, None, "interval 0.900 to no end")]
)
def test_a_sentence_says_which_end_is_missing(low, high, words):
    """An unbounded set is not hidden."""
    made = replace(BASE, value=1.0, low=low, high=high)
    assert words in judge_ratios(made, made).sentence()


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_a_margin_is_a_share_above_0(margin):
    """No margin, no equivalence."""
    with pytest.raises(RangeError, match="margin and threshold must be"):
        judge(NOISE, margin)


@pytest.mark.parametrize("threshold", [-0.1, math.nan, math.inf])
def test_a_threshold_is_a_share(threshold):
    """It is not negative, and it is a number."""
    with pytest.raises(RangeError, match="margin and threshold must be"):
        judge(NOISE, 0.02, threshold)


def test_holm_steps_down():
    """The smallest is multiplied by how many there are, the next by one fewer, and none falls below the one before."""
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.9, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
    assert holm([0.0, 1.0]) == [0.0, 1.0]


def test_holm_rejects_what_the_procedure_rejects():
    """Against Holm's own steps, on every order of five p-values."""
    values = [0.001, 0.011, 0.02, 0.03, 0.2]
    for order in itertools.permutations(values):
        shuffled = list(order)
        kept, rejected = sorted(shuffled), set()
        for place, value in enumerate(kept):
            if value > 0.05 / (5 - place):
                break
            rejected.add(value)
        assert {value for value, p in zip(shuffled, holm(shuffled), strict=True) if p <= 0.05} == rejected


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_p_value_is_a_probability(value):
    """Anything else is refused, with its place."""
    with pytest.raises(RangeError, match=r"a p-value must be in \[0, 1\]; got .* at index 1"):
        holm([0.5, value])


def test_a_verdict_has_no_threshold_unless_one_is_given():
    """The instrument is thought perfect until its certificate says otherwise."""
    found = judge(NOISE)
    assert Verdict(found.outcome, found.ratio, found.ratio90, 0.02, None, None).threshold == 0.0


@pytest.mark.parametrize("value", [1.04, 1.05, 1.06, 1.08, 1.1, 1.15, 1.2])
@pytest.mark.parametrize("sessions", [2, 3, 4])
def test_a_few_sessions_more_are_counted_exactly(value, sessions):
    """Where Student's t still bends: one degree of freedom too many would ask for fewer."""
    half = 1.02 * math.log(value)
    spread = half * math.sqrt(sessions) / stats.t.ppf(0.975, sessions - 1)
    made = ratio(value * math.exp(-half), value * math.exp(half), value=value, session_sd=spread, sessions=sessions)
    found = judge_ratios(made, made)
    assert found.sessions_to_decide == sessions_needed(math.log(value), spread, 0.02, sessions)


def test_what_the_instrument_makes_itself_has_to_be_passed_by_the_effect():
    """With a threshold of 1 %, an effect of 3 % is as far off as 1.02 / 0.99 is without."""
    half = stats.t.ppf(0.975, 5) * 0.05 / math.sqrt(6)
    made = ratio(1.03 * math.exp(-half), 1.03 * math.exp(half), value=1.03, session_sd=0.05)
    more = judge_ratios(made, made, threshold=0.01).sessions_to_decide
    assert more == sessions_needed(math.log(1.03 / 1.01), 0.05, 1e-9, 6)
    assert more > judge_ratios(made, made).sessions_to_decide


@pytest.mark.parametrize(
    ("value", "width", "is_within"),
    [
        (1.0199, 0.02, True),
        (1.0201, 0.02, False),
        (1 / 1.0199, 0.02, True),
        (1 / 1.0201, 0.02, False),
        (1.02, 0, False),
    ],
)
def test_a_change_within_what_identical_variants_differ_by_is_marked(value, width, is_within):
    """On both sides of 1 alike; the outcome stays that of the interval."""
    clear = ratio(value * 0.999, value * 1.001, value=value)
    verdict = replace(judge_ratios(clear, clear, margin=0.001), null_width=width)
    assert verdict.outcome in {Outcome.FASTER, Outcome.SLOWER}
    assert (verdict.is_within_null, "2 % apart here" in verdict.sentence()) == (is_within, is_within)


def test_no_change_is_within_nothing():
    """Equivalent and undecided claim none."""
    alike, wide = ratio(0.999, 1.001), ratio(0.9, 1.1)
    for verdict in (judge_ratios(alike, alike), judge_ratios(wide, wide)):
        assert not replace(verdict, null_width=0.5).is_within_null
