"""Whether a speed-up that was measured again agrees with the one that was claimed.

Both are ratios with a 95 % interval. In logarithms, the change from the claim to the new measurement is a difference of
two independent estimates, and its interval follows from theirs (MOVER). Another machine may change the true ratio
itself; up to a margin, that is allowed. The answer is

- `not reproduced` where the interval of the change lies wholly below the margin, so that even the margin does not
  explain what is missing; where the claim says faster and it is shown to be slower here, or the other way round; and
  where a claim of no speed-up lies wholly above the margin;
- `reproduced` where the interval of the change lies inside the margin, as a test of equivalence has it, and what the
  claim says of the direction is shown here too. A claim of `faster` is a claim of at least so much: there, the interval
  may reach above the margin;
- `cannot tell` else: the intervals are too wide, and more rounds would help.

So a claim that is true, on a machine that changes the ratio by no more than the margin, is called `not reproduced` in
at most 2.5 % of cases, as far as the intervals keep their 95 %.

Source:
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures: a general approach: MOVER.
    D. J. Schuirmann (1987), A Comparison of the Two One-Sided Tests Procedure and the Power Approach.
    The margins are conventions: see `SAME_PROCESSOR` and `OTHER_PROCESSOR`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tinytorch.benchmarking.statistics import Ratio
from tinytorch.errors import RangeError, explain

__all__ = ["OTHER_PROCESSOR", "SAME_PROCESSOR", "Agreement", "Answer", "agreement"]

# Two runs on one machine differ by more than their intervals say where memory or a neighbour lies otherwise. Paired
# ratios of the same code came out within 1.3 % of each other there (METHODOLOGY.md); this is four times that.
SAME_PROCESSOR = 0.05
# Another processor has other caches, vector units and memory. No figure bounds what that does to a ratio; this is half
# of the way, in logarithms, to a claim that is 1.5 times too large, which has to be found out.
OTHER_PROCESSOR = 0.25


class Answer(StrEnum):
    """What came of checking a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A claim beside what was found.

    Attributes:
        answer: What came of it.
        reason: Why, in one sentence.
        change: How many times the claimed speed-up was found.
        low: The lower end of its 95 % interval; none where one of the two ratios is not bounded.
        high: The upper end.
        margin: How much another machine may change the ratio, as a share.
    """

    answer: Answer
    reason: str
    change: float
    low: float | None
    high: float | None
    margin: float


def agreement(claimed: Ratio, found: Ratio, margin: float) -> Agreement:
    """Hold a speed-up that was measured again beside the claimed one.

    Args:
        claimed: As the submission's raw rounds give it.
        found: As measured here.
        margin: How much the machine may change the true ratio, as a share above 0.

    Raises:
        RangeError: If the margin is not a finite number above 0.

    Example:
        >>> from tinytorch.benchmarking.statistics import paired_ratio
        >>> twice = paired_ratio([[0.69, 0.70, 0.68, 0.71], [0.70, 0.69, 0.71, 0.69]])
        >>> same = paired_ratio([[0.01, -0.01, 0.02, -0.02], [0.01, -0.01, 0.0, 0.01]])
        >>> agreement(twice, twice, 0.25).answer.value, agreement(twice, same, 0.25).answer.value
        ('reproduced', 'not reproduced')
    """
    if not 0 < margin < math.inf:
        raise RangeError(explain("margin", "a finite share above 0", margin))
    change, ends = found.value / claimed.value, _ends(claimed, found)
    if ends is None:
        told = "the interval of the speed-up is not bounded: too few rounds"
        return Agreement(Answer.CANNOT_TELL, told, change, None, None, margin)
    answer, reason = _judged(claimed, found, ends, margin)
    return Agreement(answer, reason, change, *ends, margin)


def _ends(claimed: Ratio, found: Ratio) -> tuple[float, float] | None:
    """Give the interval of the quotient of the two (MOVER, in logarithms)."""
    if claimed.low is None or claimed.high is None or found.low is None or found.high is None:
        return None
    change = math.log(found.value / claimed.value)
    down = math.hypot(math.log(found.value / found.low), math.log(claimed.high / claimed.value))
    up = math.hypot(math.log(found.high / found.value), math.log(claimed.value / claimed.low))
    return math.exp(change - down), math.exp(change + up)


def _judged(claimed: Ratio, found: Ratio, ends: tuple[float, float], margin: float) -> tuple[Answer, str]:
    (low, high), least, most = ends, 1 / (1 + margin), 1 + margin
    says_faster, says_slower = claimed.lies_above(1), claimed.lies_below(1)
    shown = found.lies_above(1) if says_faster else found.lies_below(1) if says_slower else True
    share = f"{low:.2f} to {high:.2f} times the claimed speed-up was found"
    if (says_faster and found.lies_below(1)) or (says_slower and found.lies_above(1)):
        said, here = ("faster", "slower") if says_faster else ("slower", "faster")
        return Answer.NOT_REPRODUCED, f"the claim says {said}, and here it is {here}"
    if high < least:
        return Answer.NOT_REPRODUCED, f"{share}, which is less than a margin of {margin:.0%} explains"
    if low > most and not says_faster:
        return Answer.NOT_REPRODUCED, f"{share}, which is more than a margin of {margin:.0%} explains"
    if low >= least and shown and (high <= most or says_faster):
        more = ", more than was claimed" if low > most else ""
        return Answer.REPRODUCED, f"{share}{more}, with a margin of {margin:.0%}"
    lacking = "" if shown else ", and whether it is faster or slower is not shown"
    return Answer.CANNOT_TELL, f"{share}{lacking}: with a margin of {margin:.0%} that decides nothing"
