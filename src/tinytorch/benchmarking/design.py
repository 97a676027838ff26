"""The plan of a comparison: how many sessions and rounds, and in which order the variants have their turns."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tinytorch.errors import RangeError, explain

__all__ = ["FEWEST_ROUNDS", "FEWEST_SESSIONS", "PRESETS", "Design", "calls_an_epoch", "orders", "williams_square"]

EPOCH_NS = 2_000_000  # with 1 ms, a third of the rounds went into switching; with 2 ms, a fifth
LONGEST_EPOCH_NS = 5_000_000  # a shared machine changes its speed about twice a second
FEWEST_ROUNDS, FEWEST_SESSIONS = 10, 3


@dataclass(frozen=True, slots=True)
class Design:
    """How a comparison is made.

    Attributes:
        sessions: Fresh processes of each variant, at least 2.
        rounds: Epochs of each variant in a session, at least 2.
        epoch_ns: What an epoch shall last at least, in nanoseconds.
        budget_seconds: What all epochs may last; rounds and then sessions are left out to keep to it.
        timeout_seconds: How long one answer of a worker may take.
        threads: Threads that numeric libraries may use; none leaves them alone.
    """

    sessions: int = 6
    rounds: int = 60
    epoch_ns: int = EPOCH_NS
    budget_seconds: float = 120.0
    timeout_seconds: float = 60.0
    threads: int | None = 1

    def __post_init__(self) -> None:
        for name in ("sessions", "rounds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 2:
                raise RangeError(explain(name, "a whole number of at least 2", value))
        for name in ("epoch_ns", "budget_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise RangeError(explain(name, "a finite number above 0", value))

    def within_budget(self, round_seconds: float) -> Design:
        """Leave out rounds, and then sessions, until all of them fit the budget.

        Args:
            round_seconds: What a round lasts, all variants together.

        Raises:
            RangeError: If ten rounds in each of three sessions do not fit.

        Example:
            >>> Design(sessions=6, rounds=60, budget_seconds=60).within_budget(0.5)
            Design(sessions=6, rounds=20, ...)
        """
        affordable = int(self.budget_seconds / round_seconds)
        if self.sessions * self.rounds <= affordable:
            return self
        rounds = max(affordable // self.sessions, min(FEWEST_ROUNDS, self.rounds))
        sessions = min(self.sessions, affordable // rounds)
        if sessions < min(FEWEST_SESSIONS, self.sessions):
            needed = round_seconds * FEWEST_ROUNDS * FEWEST_SESSIONS
            rule = f"at least {needed:.3g} s for variants that take {round_seconds:.3g} s a round"
            remedy = "Give a larger budget, or a smaller workload."
            raise RangeError(explain("the budget", rule, f"{self.budget_seconds:g} s", remedy=remedy))
        return replace(self, sessions=sessions, rounds=rounds)


# Sessions differ by 1 to 2 %, whatever the rounds; so many short ones tell more in the same time than six of 60 rounds.
PRESETS = {
    "quick": Design(6, 16, budget_seconds=30.0),
    "standard": Design(10, 24, budget_seconds=120.0),
    "rigorous": Design(30, 48, budget_seconds=600.0),
}


def orders(variants: int, rounds: int, chance: random.Random) -> list[tuple[int, ...]]:
    """Draw the order of turns for every round of a session.

    Two variants: each block of two rounds is ABBA or BAAB, at random, so that a steady drift cancels. More: the rows of
    a Williams square in random order, the names dealt out at random, so that each follows each other equally often.

    Example:
        >>> orders(2, 4, random.Random(0))
        [(1, 0), (0, 1), (1, 0), (0, 1)]
    """
    found: list[tuple[int, ...]] = []
    while len(found) < rounds:
        found += _block(variants, chance)
    return found[:rounds]


def williams_square(variants: int) -> list[tuple[int, ...]]:
    """List orders in which each variant has each place, and follows each other one, equally often.

    Even numbers take as many rows as variants, odd ones twice as many.

    Example:
        >>> williams_square(4)
        [(0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1)]

    Source:
        E. J. Williams (1949), Experimental Designs Balanced for the Estimation of Residual Effects of Treatments.
    """
    first = [(place + 1) // 2 if place % 2 else -(place // 2) % variants for place in range(variants)]
    rows = [tuple((step + shift) % variants for step in first) for shift in range(variants)]
    return rows if variants % 2 == 0 else rows + [row[::-1] for row in rows]


def calls_an_epoch(epochs_ns: dict[int, int], calls: int, design: Design) -> int | None:
    """Say how many calls make an epoch, given what an epoch of `calls` lasts for each variant; none for more.

    One number serves all variants: separate ones would bias the ratio by about 1 %. The fastest variant shall reach the
    target, but the slowest not pass the ceiling, unless a single call does.
    """
    if max(epochs_ns.values()) > LONGEST_EPOCH_NS:
        fitting = calls * LONGEST_EPOCH_NS // max(epochs_ns.values())
        return max(fitting, 1)
    return calls if min(epochs_ns.values()) >= design.epoch_ns else None


def _block(variants: int, chance: random.Random) -> Iterator[tuple[int, ...]]:
    if variants == 2:
        first = (0, 1) if chance.random() < 0.5 else (1, 0)
        return iter((first, first[::-1]))
    names = chance.sample(range(variants), variants)
    rows = williams_square(variants)
    return (tuple(names[place] for place in row) for row in chance.sample(rows, len(rows)))
