"""The gate of `tinytorch compare --max-slowdown`: what it judges, what it measures again, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tinytorch.errors import MeasurementError

if TYPE_CHECKING:
    from tinytorch.benchmarking import Comparison
    from tinytorch.benchmarking.statistics import Gate

__all__ = ["Gated", "gated"]

Again = Callable[[], "Comparison"]


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gate said of each candidate.

    Attributes:
        gates: By the candidate's number; none without a gate.
        notes: What went wrong in the repetition.
        complete: Whether no interrupt ended it early.
    """

    gates: Mapping[int, Gate] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    complete: bool = True

    @property
    def is_passed(self) -> bool:
        """Whether every candidate is."""
        return all(gate.passage == "pass" for gate in self.gates.values())

    def to_list(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Write it for JSON, a candidate each."""
        return [{"index": number, "name": names[number]} | asdict(gate) for number, gate in self.gates.items()]

    def sentences(self, names: Sequence[str]) -> list[tuple[str, bool]]:
        """Say each in words, with whether it passes."""
        return [(f"{names[number]}: {_said(gate)}", gate.passage == "pass") for number, gate in self.gates.items()]


def gated(found: Comparison, budget: float, again: Again) -> Gated:
    """Judge each candidate's slow-down; where one does not pass, all are measured once more, in new sessions.

    Args:
        found: The comparison.
        budget: The slow-down that is allowed, as a share.
        again: Makes the same comparison once more.
    """
    from tinytorch.benchmarking.statistics import gates

    width = found.certificate.half_width if found.certificate else 0.0
    numbers = [number for number in range(1, len(found.subjects)) if found.log_ratios(number)]
    first = [found.log_ratios(number) for number in numbers]
    judged = gates(first, budget, width)
    if not any(gate.passage == "confirm" for gate in judged):
        return Gated(dict(zip(numbers, judged, strict=True)))
    repeated, notes, complete = _repeated(again)
    second = [repeated.log_ratios(number) if repeated else [] for number in numbers]
    judged = gates(first, budget, width, second)
    return Gated(dict(zip(numbers, judged, strict=True)), notes, complete)


def _repeated(again: Again) -> tuple[Comparison | None, tuple[str, ...], bool]:
    """Measure again; what fails then is told, and takes nothing from what was measured first."""
    try:
        repeated = again()
    except MeasurementError as error:
        return None, (f"In the repetition: {str(error).splitlines()[0]}",), True
    lost = (entry.failure.of(repeated.names[entry.variant], entry.session).sentence() for entry in repeated.lost)
    return repeated, tuple(f"In the repetition: {sentence}" for sentence in lost), repeated.complete


def _said(gate: Gate) -> str:
    allowed = f"{100 * gate.allowed:.2g} %"
    if gate.passage == "pass":
        return f"passes: it is not shown to be slower by more than {allowed}."
    if gate.slow_down_low is None:
        return "does not pass: too little was measured to bound its slow-down. Measure more sessions."
    slower = f"it is slower by at least {100 * gate.slow_down_low:.2g} %, and {allowed} is allowed"
    if gate.passage == "fail":
        return f"fails: {slower}."
    return f"does not pass: {slower}; the repetition that would confirm or clear it measured too little of it."
