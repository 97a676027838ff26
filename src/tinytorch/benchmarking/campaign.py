"""Comparing variants side by side: fresh processes, adjacent rounds, and a verdict with its price.

from tinytorch.benchmarking import compare
print(compare("package.module:before", "package.module:after").verdict.sentence())
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tinytorch.benchmarking.certificate import Certificate
from tinytorch.benchmarking.clock import utc_now
from tinytorch.benchmarking.comparison import Comparison, StopRule
from tinytorch.benchmarking.design import FEWEST_SESSIONS, PRESETS, Design
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.null_run import certificate_of
from tinytorch.benchmarking.records import Session, log_ratios, story
from tinytorch.benchmarking.sessions import Hooks, Runner
from tinytorch.benchmarking.statistics import AnytimeSignTest, FixedLooks, judge, paired_ratio
from tinytorch.benchmarking.statistics.verdicts import MARGIN
from tinytorch.benchmarking.subjects import Subject, subject_of
from tinytorch.errors import RangeError, explain

__all__ = ["compare"]

STOPS = ("fixed", "width", "decision")
EXTENSION = 4  # with another rule than `fixed`, at most so many times the planned sessions
SEEDS = 2**32


def compare(
    baseline: Any,
    candidate: Any,
    *more: Any,
    preset: str | Design = "standard",
    margin: float = MARGIN,
    seed: int | None = None,
    stop: StopRule = "fixed",
    certified: bool = True,
    hooks: Hooks | None = None,
) -> Comparison:
    """Measure variants side by side and say which is faster, by how much, or what it would take to tell.

    An interrupt from the keyboard ends it early; what was measured up to then comes back, with `complete` false: the
    rounds of the session in progress too, and no session at all where it came during the null run.

    Args:
        baseline: What the others are compared with; see `tinytorch.benchmarking.subjects` for what can be given.
        candidate: What is compared.
        more: Further candidates.
        preset: `quick`, `standard` or `rigorous`, or a design of your own.
        margin: How much slower or faster still counts as equivalent, as a share.
        seed: What orders, hash seeds and paddings follow from; drawn where none is given, and kept.
        stop: `fixed` measures what was planned. `width` goes on until the interval reaches at most half the margin, at
            looks fixed beforehand. `decision` stops once a test decides that may be looked at any time. Both stop at
            four times the planned sessions.
        certified: Whether to spend two more seconds on a null run: the baseline against itself.
        hooks: What is told of progress and attempts, and what stands in for processes and clocks in tests.

    Raises:
        DTypeError, DataError: If a variant is nothing that can be measured.
        RangeError: If a number is out of range, or the variants are too slow for the budget.
        MeasurementError: If no two variants ever finished a round together; it carries the first failure's story.

    Example:
        >>> plan = Design(sessions=3, rounds=10)
        >>> found = compare(lambda: sum(range(4000)), lambda: sum(range(1000)), preset=plan, certified=False)
        >>> str(found.verdict.outcome)
        'faster'

    Source:
        T. Kalibera, R. Jones (2013), Rigorous Benchmarking in Reasonable Time.
    """
    hooks, subjects = hooks or Hooks(), [subject_of(given) for given in (baseline, candidate, *more)]
    if stop not in STOPS:
        raise RangeError(explain("stop", f"one of {', '.join(STOPS)}", stop))
    design, name = _design(preset)
    campaign = _Campaign(subjects, design, seed if seed is not None else secrets.randbelow(SEEDS), hooks)
    started = utc_now()
    hooks.on_attempt("started", _attempt(subjects, campaign.seed, started))
    try:
        if certified:
            campaign.certify()
        sessions = list(campaign.sessions(stop, margin))
    except BaseException as error:
        hooks.on_attempt("aborted", _attempt(subjects, campaign.seed, started) | {"reason": repr(error)})
        raise
    found = Comparison(
        subjects=tuple(subject.describe() for subject in subjects),
        design=replace(campaign.runner.design, sessions=max(len(sessions), campaign.runner.design.sessions)),
        preset=name,
        stop=stop,
        margin=margin,
        seed=campaign.seed,
        started=started,
        sessions=tuple(sessions),
        lost=tuple(campaign.runner.lost),
        complete=not campaign.interrupted,
        environment=dict(collect_environment()),
        certificate=campaign.certificate,
        notes=tuple(_notes(design, campaign.runner.design)),
    )
    hooks.on_attempt("finished" if found.complete else "aborted", _attempt(subjects, campaign.seed, started))
    return _usable(found)


@dataclass(slots=True)
class _Campaign:
    """All sessions of one comparison."""

    subjects: Sequence[Subject]
    design: Design
    seed: int
    hooks: Hooks
    interrupted: bool = False
    certificate: Certificate | None = None
    runner: Runner = field(init=False)

    def __post_init__(self) -> None:
        self.runner = Runner(self.subjects, self.design, self.seed, self.hooks)

    def certify(self) -> None:
        """Find out what the instrument is worth; after an interrupt, nothing is compared."""
        try:
            self.certificate = certificate_of(self.subjects[0], self.design, self.seed, self.hooks)
        except KeyboardInterrupt:
            self.interrupted = True
        else:
            self.interrupted = not self.certificate.complete

    def sessions(self, stop: StopRule, margin: float) -> Iterator[Session]:
        """Run session after session, until the rule says stop, or the keyboard does."""
        rule = _Rule(stop, self.design.sessions, margin)
        done: list[Session] = []
        try:
            while not self.interrupted and self.runner.can_go_on and not rule.stops(done, self.runner.design.sessions):
                self.runner.detail = rule.detail(done)
                done.append(session := self.runner.session(len(done)))
                self.interrupted = self.runner.interrupted
                yield session
        except KeyboardInterrupt:
            self.interrupted = True


@dataclass(slots=True)
class _Rule:
    """When to stop."""

    stop: StopRule
    planned: int
    margin: float

    @property
    def most(self) -> int:
        return EXTENSION * self.planned

    def stops(self, done: Sequence[Session], affordable: int) -> bool:
        if self.stop == "fixed":
            return len(done) >= affordable
        if len(done) >= self.most:
            return True
        differences = log_ratios(done)
        if len(differences) < FEWEST_SESSIONS:  # one pair of processes does not show how processes differ
            return False
        if self.stop == "decision":
            return AnytimeSignTest().after(value for session in differences for value in session).rejects
        looks = tuple(self.planned * step for step in range(1, EXTENSION + 1))
        return FixedLooks(looks, self.margin / 2).stops(paired_ratio(differences))

    def detail(self, done: Sequence[Session]) -> str:
        differences = log_ratios(done)
        if len(differences) < 2:
            return ""
        ratio = judge(differences, self.margin).ratio
        return (
            f"{ratio.value:.3f}x"
            if ratio.half_width is None
            else f"{ratio.value:.3f}x ± {100 * ratio.half_width:.1f} %"
        )


def _design(preset: str | Design) -> tuple[Design, str]:
    if isinstance(preset, Design):
        return preset, "own"
    if preset not in PRESETS:
        raise RangeError(explain("preset", f"one of {', '.join(PRESETS)}, or a Design", preset))
    return PRESETS[preset], preset


def _usable(found: Comparison) -> Comparison:
    """Refuse a comparison that says nothing at all, and tell its story."""
    if not found.complete or any(found.log_ratios(number) for number in range(1, len(found.subjects))):
        return found
    raise story(("a comparison", "of variants that run"), found.names, found.lost, "none that did")


def _attempt(subjects: Sequence[Subject], seed: int, started: str) -> dict[str, Any]:
    return {"subjects": [subject.describe() for subject in subjects], "seed": seed, "started": started}


def _notes(planned: Design, carried_out: Design) -> list[str]:
    if (planned.sessions, planned.rounds) == (carried_out.sessions, carried_out.rounds):
        return []
    made = f"{carried_out.sessions} sessions of {carried_out.rounds} rounds"
    wanted = f"{planned.sessions} of {planned.rounds}"
    return [f"To keep to {planned.budget_seconds:g} s, {made} were made instead of {wanted}."]
