"""The record of a measurement, and what follows from it: percentiles, regimes, latency in yardsticks, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from tinytorch.benchmarking.measurement.sampling import Sampling
from tinytorch.benchmarking.measurement.single_calls import SingleCalls, are_steady, percentile_of
from tinytorch.benchmarking.records import NO_STEADY_STATE, Lost, process_warnings, shared_warnings
from tinytorch.benchmarking.statistics import (
    Estimate,
    HostSlope,
    Regimes,
    Shape,
    find_regimes,
    host_slope,
    normalized,
    percentile_of_sessions,
)

__all__ = ["Measurement"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One subject, measured alone.

    Attributes:
        subject: What was measured: name, factory and arguments.
        sampling: How, as it was carried out.
        seed: What hash seeds and paddings follow from.
        started: When, in ISO 8601, UTC.
        sessions: The raw samples.
        lost: The sessions that failed.
        complete: Whether it came to its planned end.
        environment: The machine.
        notes: What a reader should know.
    """

    subject: dict[str, Any]
    sampling: Sampling
    seed: int
    started: str
    sessions: tuple[SingleCalls, ...]
    lost: tuple[Lost, ...] = ()
    complete: bool = True
    environment: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_steady(self) -> bool:
        """Whether the times settled in most sessions; too few calls cannot show that they did not."""
        return are_steady(self.sessions)

    def percentile(self, percent: float) -> Estimate:
        """Estimate a percentile of one call, in seconds; unknown, and why, where nothing settled or calls are too few.

        Raises:
            RangeError: If `percent` is not in (0, 100).
        """
        return percentile_of(self.sessions, percent)

    @property
    def latency(self) -> Estimate:
        """The median of one call, in seconds."""
        return self.percentile(50)

    def regimes(self) -> Regimes | None:
        """Look for two speeds in the medians of every half second; none where nothing was measured."""
        medians = [median for session in self.sessions for median in session.half_seconds()]
        return find_regimes(medians) if medians else None

    def host(self) -> HostSlope:
        """Say how the latency follows the yardstick, from one half of a session to the next."""
        pairs = [pair for session in self.sessions for pair in session.beside_yardsticks()]
        if len(pairs) < 3:
            return HostSlope(None, None, may_normalize=False, reason="fewer than three yardsticks")
        return host_slope([latency for latency, _ in pairs], [yardstick for _, yardstick in pairs])

    def in_yardsticks(self) -> Estimate:
        """Estimate the median latency in units of the yardstick; unknown, and why, where the two do not go together."""
        host = self.host()
        if not host.may_normalize:
            reason = f"it does not go with the yardstick: {host.reason}"
            return Estimate(None, None, None, reason=reason)
        pairs = [session.beside_yardsticks() for session in self.sessions]
        return percentile_of_sessions([normalized(*zip(*pair, strict=True)) for pair in pairs if pair], 50)

    def warnings(self) -> list[str]:
        """Say what makes the numbers worth less."""
        name, outputs = self.subject["name"], [session.output for session in self.sessions]
        found = [] if self.is_steady else [f"{name}: {NO_STEADY_STATE}."]
        stolen = any(session.counters.get("steal_seconds") for session in self.sessions)
        found += shared_warnings(self.environment, is_disturbed=stolen) if self.sessions else []
        found += _two_speeds(self.regimes())
        found += [f"{name} gives NaN."] if any(output.get("nan") for output in outputs) else []
        if any(output.get("repeats") is False for output in outputs):
            found.append(f"{name} gives different outputs for the same input.")
        found += process_warnings(name, [session.process for session in self.sessions])
        if not self.complete:
            found.append(self._broken_off())
        return found + [entry.failure.of(name, entry.session).sentence() for entry in self.lost]

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file; raw samples included."""
        return asdict(replace(self, lost=())) | {"lost": [entry.to_dict() for entry in self.lost]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON too."""
        parts = {
            "sampling": Sampling(**record["sampling"]),
            "sessions": tuple(SingleCalls.from_dict(entry) for entry in record["sessions"]),
            "lost": tuple(Lost.from_dict(entry) for entry in record["lost"]),
            "notes": tuple(record["notes"]),
        }
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known} | parts)

    def _broken_off(self) -> str:
        whole = sum(session.is_whole for session in self.sessions)
        rest = [f" and {len(one.durations_ns):,} calls of the next" for one in self.sessions if not one.is_whole]
        return f"It was broken off after {whole} of {self.sampling.sessions} sessions{''.join(rest)}."


def _two_speeds(regimes: Regimes | None) -> list[str]:
    if regimes is None or regimes.shape is not Shape.TWO:
        return []
    told = " and ".join(f"{mode.location * 1e6:.3g} µs ({mode.share:.0%} of the time)" for mode in regimes.modes)
    return [f"The machine showed two speeds: a call took {told}."]
