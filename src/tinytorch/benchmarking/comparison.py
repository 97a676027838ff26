"""The record of a comparison, and what follows from it: ratios, verdicts, latencies, disturbances, warnings."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from tinytorch.benchmarking.certificate import Certificate
from tinytorch.benchmarking.design import Design
from tinytorch.benchmarking.records import (
    NO_STEADY_STATE,
    Lost,
    Session,
    log_ratios,
    process_warnings,
    shared_warnings,
)
from tinytorch.benchmarking.statistics import (
    AnytimeSignTest,
    Cleaned,
    Estimate,
    Outcome,
    Ratio,
    Regimes,
    Verdict,
    clean,
    find_regimes,
    holm,
    in_either,
    judge,
    never_settle,
    paired_p_value,
    t_interval,
)
from tinytorch.errors import StateError, explain

__all__ = ["Comparison", "StopRule"]

StopRule = str
Counts = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two or more variants, measured side by side.

    Attributes:
        subjects: What was measured, the baseline first: name, factory and arguments.
        design: The plan, as it was carried out.
        preset: The plan's name; `own` where it has none.
        stop: `fixed`, `width` or `decision`.
        margin: How much slower or faster still counts as equivalent, as a share.
        seed: What all orders, hash seeds and paddings follow from.
        started: When, in ISO 8601, UTC.
        sessions: The raw samples.
        lost: The failures: a variant that raised, died or hung in a session.
        complete: Whether it came to its planned end.
        environment: The machine.
        certificate: What the instrument was worth; none if none was asked for.
        notes: What a reader should know.
    """

    subjects: tuple[dict[str, Any], ...]
    design: Design
    preset: str
    stop: StopRule
    margin: float
    seed: int
    started: str
    sessions: tuple[Session, ...]
    lost: tuple[Lost, ...] = ()
    complete: bool = True
    environment: dict[str, Any] = field(default_factory=dict)
    certificate: Certificate | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What readers call the variants."""
        return tuple(subject["name"] for subject in self.subjects)

    def log_ratios(self, candidate: int = 1, baseline: int = 0) -> list[list[float]]:
        """Give ln(t_baseline / t_candidate) for each round that both finished, one list a session that has any.

        Args:
            candidate: Which variant.
            baseline: Beside which other one; all of them took turns.
        """
        return log_ratios(self.sessions, candidate, baseline)

    def verdict_of(self, candidate: int = 1, baseline: int = 0) -> Verdict:
        """Judge one candidate against the baseline, or against another variant.

        The outcome follows from the interval alone, so that anyone with the rounds can judge again. The certificate's
        half-width does not widen it: it is the width of a shorter run, and to ask for a change beyond it would ask
        twice for the same certainty. A change within it is marked: `is_within_null`, and the sentence says so.

        Raises:
            StateError: If the two never finished a round together.
        """
        differences = self.log_ratios(candidate, baseline)
        if not differences:
            rule, remedy = "at least one round of both variants", "See `lost` for what happened."
            raise StateError(explain("the comparison", rule, "none", at=self.names[candidate], remedy=remedy))
        width = 0.0 if self.certificate is None else self.certificate.half_width
        verdict = replace(judge(differences, self.margin), null_width=width)
        return self._anytime(verdict, differences) if self.stop == "decision" else verdict

    @property
    def verdict(self) -> Verdict:
        """The verdict on the first candidate."""
        return self.verdict_of(1)

    @property
    def ratio(self) -> Ratio:
        """The speed-up of the first candidate, with its 95 % interval."""
        return self.verdict.ratio

    def adjusted_p_values(self) -> list[float]:
        """Give a p-value a candidate, corrected for their number (Holm)."""
        return holm([paired_p_value(self.log_ratios(number)) for number in range(1, len(self.subjects))])

    def cleaned(self, candidate: int = 1) -> Cleaned:
        """Estimate the ratio with all rounds, and without those in which something recorded disturbed either member."""
        pairs = [(s.turns[0], s.turns[candidate], list(s.rounds_of(0, candidate)), s) for s in self.sessions]
        pairs = [pair for pair in pairs if pair[2]]
        causes = {
            "garbage collection": self._marks([(a.collections, b.collections, n) for a, b, n, _ in pairs]),
            "involuntary switch": self._marks([(a.switches, b.switches, n) for a, b, n, _ in pairs]),
            "steal": [[bool(s.steal_seconds[number]) for number in n] for _, _, n, s in pairs],
        }
        return clean(self.log_ratios(candidate), causes)

    def latency(self, variant: int) -> Estimate:
        """Estimate the seconds of one call, with its interval over sessions; unknown where most of them never settled.

        On a shared machine it is worth a quarter either way, whatever the interval says.
        """
        medians = self._session_medians(variant)
        if not medians:
            return Estimate(None, None, None, reason="nothing was measured")
        if not self.is_steady(variant):
            return Estimate(None, None, None, reason=NO_STEADY_STATE)
        found = t_interval([math.log(median) for median in medians])
        value, low, high = (None if end is None else math.exp(end) for end in (found.value, found.low, found.high))
        return Estimate(value, low, high, reason=found.reason)

    def is_steady(self, variant: int) -> bool:
        """Whether a variant's times settled while it warmed up, in most sessions; few epochs cannot show otherwise."""
        return not never_settle([s.turns[variant].warmup_ns for s in self.sessions if s.turns[variant].wall_ns])

    def regimes(self, variant: int) -> Regimes | None:
        """Look for two speeds in the medians of every half second; none where there are too few of them."""
        medians = [median for session in self.sessions for median in session.half_seconds(variant)]
        return find_regimes(medians) if len(medians) > 1 else None

    def outputs_agree(self) -> bool | None:
        """Say whether all variants gave the very same bits; none where they cannot be told."""
        hashes = {turns.output.get("digest") for session in self.sessions for turns in session.turns if turns.output}
        return None if None in hashes or not hashes else len(hashes) == 1

    def warnings(self) -> list[str]:
        """Say what makes the numbers worth less."""
        found = [note for variant in range(len(self.subjects)) for note in self._warnings_of(variant)]
        stolen = any(session.counters.get("steal_seconds") for session in self.sessions)
        found += shared_warnings(self.environment, is_disturbed=stolen) if self.sessions else []
        found += [] if self.complete else [self._broken_off()]
        return found + [entry.failure.of(self.names[entry.variant], entry.session).sentence() for entry in self.lost]

    @property
    def overhead_share(self) -> float:
        """How much of the time of all rounds was not measuring, in [0, 1]."""
        rounds = math.fsum(session.spent.rounds for session in self.sessions)
        return 1 - math.fsum(session.spent.measured for session in self.sessions) / rounds if rounds else 0.0

    @property
    def seconds(self) -> float:
        """The wall time of all sessions."""
        spent = [session.spent for session in self.sessions]
        return math.fsum(part for s in spent for part in (s.start, s.warmup, s.rounds, s.finish))

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file; raw samples included."""
        plain = asdict(replace(self, certificate=None, lost=()))
        certificate = None if self.certificate is None else self.certificate.to_dict()
        return plain | {"lost": [entry.to_dict() for entry in self.lost], "certificate": certificate}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON too."""
        parts = {
            "subjects": tuple(record["subjects"]),
            "design": Design(**record["design"]),
            "sessions": tuple(Session.from_dict(entry) for entry in record["sessions"]),
            "lost": tuple(Lost.from_dict(entry) for entry in record["lost"]),
            "certificate": Certificate.from_dict(record["certificate"]) if record["certificate"] else None,
            "notes": tuple(record["notes"]),
        }
        return cls(**dict(record) | parts)

    def _anytime(self, verdict: Verdict, differences: list[list[float]]) -> Verdict:
        """Let the test decide that may be looked at after every session: fixed intervals may not."""
        test = AnytimeSignTest().after(value for session in differences for value in session)
        outcome = Outcome.UNDECIDED
        if test.rejects:
            outcome = Outcome.FASTER if test.direction > 0 else Outcome.SLOWER
        return replace(verdict, outcome=outcome)

    def _broken_off(self) -> str:
        if not self.sessions:
            return "It was broken off before a round was whole: nothing can be said of the variants."
        rounds = len(self.sessions[-1].orders)
        whole = len(self.sessions) - (rounds < self.design.rounds)
        rest = "" if whole == len(self.sessions) else f" and {rounds} of {self.design.rounds} rounds of the next"
        return f"It was broken off after {whole} of {self.design.sessions} sessions{rest}."

    def _marks(self, pairs: Sequence[tuple[Counts, Counts, list[int]]]) -> list[list[bool]]:
        before = [[bool(first[number]) for number in numbers] for first, _, numbers in pairs]
        after = [[bool(second[number]) for number in numbers] for _, second, numbers in pairs]
        return in_either(before, after)

    def _session_medians(self, variant: int) -> list[float]:
        timed = [(session.turns[variant].wall_ns, session.calls) for session in self.sessions]
        return [statistics.median(wall) / calls / 1e9 for wall, calls in timed if wall]

    def _warnings_of(self, variant: int) -> list[str]:
        name, outputs = self.names[variant], [s.turns[variant].output for s in self.sessions if s.turns[variant].output]
        found = [] if self.is_steady(variant) else [f"{name}: {NO_STEADY_STATE}."]
        if any(output.get("nan") for output in outputs):
            found.append(f"{name} gives NaN.")
        if any(output.get("repeats") is False for output in outputs):
            found.append(f"{name} gives different outputs for the same input.")
        elif len({output.get("digest") for output in outputs}) > 1:
            found.append(f"{name} gives different outputs in different processes.")
        turns = [session.turns[variant] for session in self.sessions]
        if any(entry.left_children for entry in turns):
            found.append(f"{name} left processes of its own behind, which were killed.")
        if any(entry.printed_bytes for entry in turns):
            found.append(f"{name} printed {sum(entry.printed_bytes for entry in turns):,} bytes while it was measured.")
        return found + process_warnings(name, [entry.process for entry in turns])
