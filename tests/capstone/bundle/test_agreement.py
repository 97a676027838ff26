"""The rule that holds a speed-up measured again beside the claimed one, and how often it is wrong."""

import math

import numpy as np
import pytest

from tinytorch.benchmarking.statistics import paired_ratio
from tinytorch.capstone.bundle.agreement import OTHER_PROCESSOR, SAME_PROCESSOR, Answer, agreement
from tinytorch.errors import RangeError

DRAWS = 200


def ratio(value, half_width=0.02):
    """Give a ratio whose interval reaches so far to both sides, in logarithms."""
    return paired_ratio([[math.log(value) + half_width * step for step in (-1, -0.5, 0, 0.5, 1)]] * 4)


def drawn(rng, log_ratio, *, between=0.02, within=0.05, sessions=6, rounds=24):
    """Draw a comparison: sessions that differ, rounds that scatter, now and then one that was disturbed."""
    centres = log_ratio + between * rng.standard_normal(sessions)
    noise = within * rng.standard_normal((sessions, rounds))
    noise += 0.5 * rng.standard_normal((sessions, rounds)) * (rng.random((sessions, rounds)) < 0.03)
    return paired_ratio((centres[:, None] + noise).tolist())


def share(answer, claim, truth, margin, seed, **how):
    """Simulate claims and their checks; say how often the answer is this one."""
    rng = np.random.default_rng(seed)
    pairs = [(drawn(rng, math.log(claim), **how), drawn(rng, math.log(truth), **how)) for _ in range(DRAWS)]
    return sum(agreement(*pair, margin).answer is answer for pair in pairs) / DRAWS


@pytest.mark.parametrize("margin", [SAME_PROCESSOR, OTHER_PROCESSOR])
@pytest.mark.parametrize("noise", [(0.005, 0.02), (0.02, 0.05), (0.05, 0.2)])
@pytest.mark.parametrize("claim", [2.1, 1.2, 0.6])
def test_a_true_claim_is_seldom_called_not_reproduced(claim, noise, margin):
    """At most one time in twenty, also where the machine changes the ratio by all that the margin allows."""
    how = dict(zip(("between", "within"), noise, strict=True))
    for change, seed in ((1.0, 1), (1 / (1 + margin), 2)):
        # below 1 the claim would be another one
        truth = claim * change if (claim * change > 1) == (claim > 1) else claim
        assert share(Answer.NOT_REPRODUCED, claim, truth, margin, seed, **how) <= 0.05


@pytest.mark.parametrize("margin", [SAME_PROCESSOR, OTHER_PROCESSOR])
@pytest.mark.parametrize("noise", [(0.005, 0.02), (0.02, 0.05)])
@pytest.mark.parametrize("truth", [2.0, 1.3, 1.0])
def test_a_claim_that_is_half_too_large_is_found_out(truth, noise, margin):
    """In at least 95 of 100 cases."""
    how = dict(zip(("between", "within"), noise, strict=True))
    assert share(Answer.NOT_REPRODUCED, 1.5 * truth, truth, margin, 3, **how) >= 0.95


def test_a_true_claim_is_reproduced_where_the_machine_is_quiet():
    """An answer that is hardly ever given would be none."""
    assert share(Answer.REPRODUCED, 2.1, 2.1, SAME_PROCESSOR, 4, between=0.005, within=0.02) >= 0.95
    assert share(Answer.REPRODUCED, 2.1, 2.1, OTHER_PROCESSOR, 5) >= 0.95


def test_a_wrong_claim_is_hardly_ever_reproduced():
    """Twice as fast as it is: not even on a noisy machine."""
    assert share(Answer.REPRODUCED, 2.0, 1.0, OTHER_PROCESSOR, 6, between=0.1, within=0.3) <= 0.01


@pytest.mark.parametrize(
    ("claimed", "found", "expected", "words"),
    [
        (2.1, 2.1, Answer.REPRODUCED, "with a margin of 25%"),
        (2.1, 2.0, Answer.REPRODUCED, "times the claimed speed-up was found"),
        (2.1, 3.5, Answer.REPRODUCED, "more than was claimed"),
        (2.1, 1.4, Answer.NOT_REPRODUCED, "less than a margin of 25% explains"),
        (2.1, 0.9, Answer.NOT_REPRODUCED, "the claim says faster, and here it is slower"),
        (0.7, 1.1, Answer.NOT_REPRODUCED, "the claim says slower, and here it is faster"),
        (0.5, 0.8, Answer.NOT_REPRODUCED, "more than a margin of 25% explains"),
        (1.0, 1.5, Answer.NOT_REPRODUCED, "more than a margin of 25% explains"),
        (1.0, 1.01, Answer.REPRODUCED, "with a margin of 25%"),
        (1.08, 1.0, Answer.CANNOT_TELL, "whether it is faster or slower is not shown"),
        (2.1, 1.68, Answer.CANNOT_TELL, "decides nothing"),
    ],
)
def test_the_answer_and_its_reason(claimed, found, expected, words):
    """A claim of faster is one of at least so much; any other is of the ratio itself."""
    answer = agreement(ratio(claimed), ratio(found), OTHER_PROCESSOR)
    assert answer.answer is expected
    assert words in answer.reason


def test_the_interval_of_the_change_follows_from_both():
    """MOVER: of two equal half-widths, their hypotenuse."""
    wide = ratio(2.0, 0.03)
    change = agreement(wide, wide, OTHER_PROCESSOR)
    half = math.log(wide.high / wide.value)
    assert change.change == pytest.approx(1)
    assert math.log(change.high) == pytest.approx(math.sqrt(2) * half)
    assert math.log(change.low) == pytest.approx(-math.sqrt(2) * half)


def test_the_interval_covers_the_true_change():
    """In at least 95 of 100 cases, whatever the ratio."""
    rng = np.random.default_rng(7)
    pairs = [(drawn(rng, math.log(1.7)), drawn(rng, math.log(1.9))) for _ in range(DRAWS)]
    found = [agreement(*pair, OTHER_PROCESSOR) for pair in pairs]
    assert sum(one.low <= 1.9 / 1.7 <= one.high for one in found) / DRAWS >= 0.95


def test_what_is_not_bounded_decides_nothing():
    """One session does not show how sessions differ."""
    single = paired_ratio([[0.7] * 10])
    assert agreement(ratio(2.0), single, OTHER_PROCESSOR).answer is Answer.CANNOT_TELL
    assert agreement(single, ratio(2.0), OTHER_PROCESSOR).low is None


@pytest.mark.parametrize("margin", [0, -1, math.nan, math.inf])
def test_a_margin_is_a_share(margin):
    """Above 0, and finite."""
    with pytest.raises(RangeError, match="margin must be a finite share above 0"):
        agreement(ratio(2.0), ratio(2.0), margin)
