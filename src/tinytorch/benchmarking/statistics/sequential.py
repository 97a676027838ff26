"""Looking while measuring: a test that stays honest however often it is looked at, and looks fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tinytorch.benchmarking.statistics.inputs import require_values
from tinytorch.benchmarking.statistics.ratios import Ratio
from tinytorch.errors import RangeError, explain

__all__ = ["PRIOR", "AnytimeSignTest", "FixedLooks"]

PRIOR = 10.0


@dataclass(frozen=True, slots=True)
class AnytimeSignTest:
    """Whether the median of what comes in is 0, with a promise that holds at every look at once.

    The evidence is E = 2ⁿ B(a + s, a + n - s) / B(a, a) for s positive ones of n: the likelihood of a Beta(a, a)
    mixture of coins over that of the fair one. If the median is 0 and signs are independent, E ever reaches 1/alpha
    with probability alpha at most. An exact 0 has no sign and is not counted.

    Attributes:
        alpha: The largest probability of a false alarm, in (0, 1).
        prior: The shape a of the mixture, above 0: larger looks for smaller effects.
        positive: How many came in above 0.
        negative: How many below.
        peak: The largest logarithm of the evidence so far; a rejection stands.

    Example:
        >>> test = AnytimeSignTest()
        >>> test.after([0.1] * 10).rejects, test.after([0.1] * 20).rejects
        (False, True)

    Source:
        J. Ville (1939), Étude critique de la notion de collectif: the inequality.
        H. Robbins (1970), Statistical Methods Related to the Law of the Iterated Logarithm: mixtures.
    """

    alpha: float = 0.05
    prior: float = PRIOR
    positive: int = 0
    negative: int = 0
    peak: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise RangeError(explain("alpha", "in (0, 1)", self.alpha))
        if not 0 < self.prior < math.inf:
            raise RangeError(explain("prior", "above 0", self.prior))

    def after(self, differences: Iterable[float]) -> AnytimeSignTest:
        """Take in more differences, one by one, and give the test that knows them.

        Raises:
            RangeError: If one is NaN or infinite.
        """
        test = self
        for difference in require_values(list(differences), "the differences", 0):
            test = test._after_one(difference)
        return test

    @property
    def log_evidence(self) -> float:
        """The natural logarithm of E, now."""
        n = self.positive + self.negative
        numerator = _log_beta(self.prior + self.positive, self.prior + self.negative)
        return n * math.log(2) + numerator - _log_beta(self.prior, self.prior)

    @property
    def p_value(self) -> float:
        """A p-value that may be read at any time: 1 over the largest evidence so far."""
        return math.exp(-self.peak)

    @property
    def rejects(self) -> bool:
        """Whether the evidence has ever reached 1/alpha."""
        return self.peak >= -math.log(self.alpha)

    @property
    def direction(self) -> int:
        """1 where more came in above 0, -1 where more below, 0 where neither."""
        return (self.positive > self.negative) - (self.positive < self.negative)

    def _after_one(self, difference: float) -> AnytimeSignTest:
        if difference == 0:
            return self
        above, below = self.positive + (difference > 0), self.negative + (difference < 0)
        test = replace(self, positive=above, negative=below)
        return replace(test, peak=max(self.peak, test.log_evidence))


@dataclass(frozen=True, slots=True)
class FixedLooks:
    """When to stop a comparison: where its interval is narrow enough, at looks fixed beforehand, never by significance.

    Attributes:
        sessions: The numbers of sessions at which to look, rising; the last one ends it.
        half_width: The width that is enough, as a share above 0: 0.01 where the interval reaches 1 % up or down.

    Example:
        >>> FixedLooks((6, 12, 24), half_width=0.01).next_after(6)
        12
    """

    sessions: tuple[int, ...]
    half_width: float

    def __post_init__(self) -> None:
        if not self.sessions or list(self.sessions) != sorted({*self.sessions}) or self.sessions[0] < 2:
            raise RangeError(explain("the looks", "rising numbers of at least 2 sessions", self.sessions))
        if not 0 < self.half_width < math.inf:
            raise RangeError(explain("half_width", "a share above 0", self.half_width))

    def next_after(self, sessions: int) -> int | None:
        """Give the next number of sessions at which to look; none after the last."""
        return next((look for look in self.sessions if look > sessions), None)

    def stops(self, ratio: Ratio) -> bool:
        """Say whether to stop at this ratio; between looks, never."""
        if ratio.sessions >= self.sessions[-1]:
            return True
        enough = ratio.half_width is not None and ratio.half_width <= self.half_width
        return ratio.sessions in self.sessions and enough


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
