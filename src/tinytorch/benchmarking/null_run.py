"""The null run: a subject beside itself, under the very estimator in use, for the certificate."""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tinytorch.benchmarking.certificate import Certificate, relevant, total, yardstick_variation
from tinytorch.benchmarking.clock import Clock
from tinytorch.benchmarking.design import FEWEST_ROUNDS, FEWEST_SESSIONS, Design
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.records import Session, log_ratios, story
from tinytorch.benchmarking.sessions import Hooks, Runner
from tinytorch.benchmarking.subjects import Subject, subject_of
from tinytorch.errors import RangeError

__all__ = ["certificate_of", "certify"]

SECONDS = 2.0
NULL = Design(sessions=6, rounds=16, budget_seconds=SECONDS)
SEEDS = 2**32
CLOCK_READS = 1001
NULL_SEED = 0x5EED  # the null run draws orders of its own


def certify(
    subject: Any, *, seed: int | None = None, seconds: float = SECONDS, hooks: Hooks | None = None
) -> Certificate:
    """Compare a subject with itself for about two seconds, and say what the instrument is worth here.

    An interrupt from the keyboard ends it early; the rounds that were whole are judged, with `complete` false.

    Args:
        subject: See `tinytorch.benchmarking.subjects` for what can be given.
        seed: What orders, hash seeds and paddings follow from; drawn where none is given.
        seconds: What all epochs may last. More than two make as many more rounds; sixteen half seconds, which about
            twenty seconds have, can tell one speed from two.
        hooks: What is told of progress, and what stands in for processes and clocks in tests.

    Raises:
        MeasurementError: If the subject fails.
        RangeError: If `seconds` is not above 0, or the subject too slow for it.
        KeyboardInterrupt: If it came before a round was whole.

    Example:
        >>> 0 <= certify(lambda: sum(range(1000)), seconds=0.2).half_width
        True
    """
    chosen = seed if seed is not None else secrets.randbelow(SEEDS)
    plan = replace(NULL, budget_seconds=seconds)
    longer = replace(plan, rounds=max(NULL.rounds, int(NULL.rounds * seconds / SECONDS)))
    return _null_run(subject_of(subject), longer, chosen, hooks or Hooks())


def certificate_of(subject: Subject, design: Design, seed: int, hooks: Hooks) -> Certificate:
    """Make the null run that goes with a comparison: two seconds, or three sessions of ten rounds where they take more.

    Raises:
        MeasurementError: If the subject fails.
        RangeError: If it is too slow for the comparison's own budget.
        KeyboardInterrupt: If it came before a round was whole.
    """
    null = replace(NULL, epoch_ns=design.epoch_ns, threads=design.threads, timeout_seconds=design.timeout_seconds)
    try:
        return _null_run(subject, replace(null, budget_seconds=min(SECONDS, design.budget_seconds)), seed, hooks)
    except RangeError:
        fewest = replace(null, sessions=FEWEST_SESSIONS, rounds=FEWEST_ROUNDS, budget_seconds=design.budget_seconds)
        return _null_run(subject, fewest, seed, hooks)


def _null_run(subject: Subject, design: Design, seed: int, hooks: Hooks) -> Certificate:
    """Run the same subject in both seats."""
    runner = Runner([subject, subject], design, seed ^ NULL_SEED, hooks, stage="certifying")
    start = hooks.clock.now_ns()
    sessions, complete = _sessions(runner)
    if not (rounds := log_ratios(sessions)):
        if not complete:
            raise KeyboardInterrupt
        raise story(("a null run", "of a subject that runs"), [subject.name] * 2, runner.lost, "one that did not")
    return Certificate(
        log_ratios=tuple(map(tuple, rounds)),
        medians=tuple(median for session in sessions for median in session.half_seconds(0)),
        clock=_clock_audit(hooks.clock),
        yardstick_cv=yardstick_variation(sessions),
        steal_seconds=total(sessions, "steal_seconds"),
        throttled_seconds=total(sessions, "throttled_seconds"),
        worker_kind=sessions[0].turns[0].process["kind"],
        seconds=(hooks.clock.now_ns() - start) / 1e9,
        machine=relevant(collect_environment()),
        complete=complete,
    )


def _sessions(runner: Runner) -> tuple[list[Session], bool]:
    """Run all sessions, or those up to an interrupt; say whether there was none."""
    sessions: list[Session] = []
    try:
        while runner.can_go_on and len(sessions) < runner.design.sessions and not runner.interrupted:
            sessions.append(runner.session(len(sessions)))
    except KeyboardInterrupt:
        return sessions, False
    return sessions, not runner.interrupted


def _clock_audit(clock: Clock) -> dict[str, Any]:
    """Read the clock again and again: what it costs, how fine it is, and whether it ever ran backwards."""
    moments = [clock.now_ns() for _ in range(CLOCK_READS)]
    steps = sorted(later - earlier for earlier, later in pairwise(moments))
    finest = next((step for step in steps if step > 0), None)
    return {"cost_ns": steps[len(steps) // 2], "resolution_ns": finest, "is_monotonic": steps[0] >= 0}
