"""Running the sessions of a measurement: one fresh process after another, whatever happens in it."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tinytorch.benchmarking.clock import utc_now
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.measurement.record import Measurement
from tinytorch.benchmarking.measurement.sampling import Sampling
from tinytorch.benchmarking.measurement.single_calls import SingleCalls
from tinytorch.benchmarking.measurement.timed import time_calls
from tinytorch.benchmarking.records import Lost, story
from tinytorch.benchmarking.sessions import Hooks, Progress
from tinytorch.benchmarking.subjects import Subject, subject_of
from tinytorch.benchmarking.workers import Conditions, WorkerError, target_of

__all__ = ["measure"]

SEEDS = 2**32


def measure(
    subject: Any, sampling: Sampling | None = None, *, seed: int | None = None, hooks: Hooks | None = None
) -> Measurement:
    """Time single calls of one subject, in several fresh processes.

    An interrupt from the keyboard ends it early; what was timed up to then comes back, with `complete` false.

    Args:
        subject: See `tinytorch.benchmarking.subjects` for what can be given.
        sampling: How many calls in how many processes.
        seed: What hash seeds and paddings follow from; drawn where none is given, and kept.
        hooks: What is told of progress and attempts, and what stands in for processes and clocks in tests.

    Raises:
        DTypeError, DataError: If the subject is nothing that can be measured.
        RangeError: If it is too slow for the budget.
        MeasurementError: If no session came to its end; it carries the first failure's story.

    Example:
        >>> found = measure(lambda: sum(range(1000)), Sampling(calls=60), seed=1)
        >>> sum(len(session.durations_ns) for session in found.sessions)
        60
    """
    hooks, taken = hooks or Hooks(), subject_of(subject)
    run = _Run(taken, sampling or Sampling(), secrets.randbelow(SEEDS) if seed is None else seed, hooks)
    attempt = {"subjects": [taken.describe()], "seed": run.seed, "started": utc_now()}
    hooks.on_attempt("started", attempt)
    try:
        sessions = tuple(run.sessions())
    except BaseException as error:
        hooks.on_attempt("aborted", attempt | {"reason": repr(error)})
        raise
    hooks.on_attempt("aborted" if run.interrupted else "finished", attempt)
    if not sessions and not run.interrupted:
        raise story(("a measurement", "of a subject that runs"), [taken.name], run.lost, "one that did not")
    return Measurement(
        subject=taken.describe(),
        sampling=run.sampling,
        seed=run.seed,
        started=str(attempt["started"]),
        sessions=sessions,
        lost=tuple(run.lost),
        complete=not run.interrupted,
        environment=dict(collect_environment()),
        notes=run.notes(sampling or Sampling()),
    )


@dataclass(slots=True)
class _Run:
    """All sessions of one measurement."""

    subject: Subject
    sampling: Sampling
    seed: int
    hooks: Hooks
    lost: list[Lost] = field(default_factory=list)
    interrupted: bool = False
    is_budgeted: bool = False

    def sessions(self) -> Iterator[SingleCalls]:
        """Run session after session; one that fails is kept as that."""
        for index in range(self.sampling.sessions):
            try:
                self.hooks.on_progress(Progress("measuring", index, self.sampling.sessions))
                yield (found := self._session(index))
                if not found.is_whole:
                    self.interrupted = True
                    return
            except WorkerError as error:
                self.lost.append(Lost(0, index, error.failure))
            except KeyboardInterrupt:
                self.interrupted = True
                return

    def notes(self, planned: Sampling) -> tuple[str, ...]:
        """Say what was left out."""
        if self.sampling.calls == planned.calls:
            return ()
        return (f"To keep to {planned.budget_seconds:g} s, {self.sampling.calls} calls of {planned.calls} were made.",)

    def _session(self, index: int) -> SingleCalls:
        chance = random.Random(f"{self.seed}/{index}")  # noqa: S311  hash seeds, not secrets
        conditions, before = Conditions.drawn(chance, self.sampling.threads), self.hooks.counters()
        worker = self.hooks.launch(self.subject, conditions)
        try:
            loaded = worker.ask("load", self.sampling.timeout_seconds, target=target_of(self.subject))
            found = time_calls(worker, loaded, lambda ns: self._calls(index, ns), self.sampling.timeout_seconds, index)
        finally:
            ended = worker.close()
        started = {"kind": str(worker.kind), "hash_seed": conditions.hash_seed, "padding": conditions.padding}
        left = {"left_children": ended.left_children, "printed_bytes": ended.printed_bytes}
        counters = self.hooks.counters().since(before).as_dict()
        return replace(found, process=found.process | started | left, counters=counters)

    def _calls(self, index: int, call_ns: float) -> int:
        """Say how many calls fall to a session; the first ones take what does not divide."""
        if not self.is_budgeted:
            self.sampling, self.is_budgeted = self.sampling.within_budget(call_ns / 1e9), True
        whole, rest = divmod(self.sampling.calls, self.sampling.sessions)
        return whole + (index < rest)
