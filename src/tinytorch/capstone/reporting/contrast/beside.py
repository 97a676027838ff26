"""Two submissions beside each other: what can be compared, with verdicts, and what cannot, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinytorch.capstone.reporting.contrast.answers import accuracy_finding
from tinytorch.capstone.reporting.contrast.findings import Finding
from tinytorch.capstone.reporting.contrast.machines import Machines, machines_of
from tinytorch.capstone.reporting.contrast.sizes import size_findings
from tinytorch.capstone.reporting.contrast.times import speedup_finding, time_findings
from tinytorch.capstone.reporting.reading import Reading, read

__all__ = ["Contrast", "contrast"]

SOFTWARE = "The software differs ({}): times may differ by that alone."
BASELINES = "The baselines are not known to be one model: a speed-up is over each one's own."


@dataclass(frozen=True, slots=True)
class Contrast:
    """What came of it.

    Attributes:
        names: What the first and the second submission are about.
        findings: One for each metric, those that were refused too.
        machines: How the machines differ.
        notes: What a reader should know.
    """

    names: tuple[str, str]
    findings: tuple[Finding, ...]
    machines: Machines
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        return asdict(self) | {"machines_are_alike": self.machines.are_alike}


def contrast(first: Mapping[str, Any], second: Mapping[str, Any]) -> Contrast:
    """Compare what two submissions are about: the optimized model of each, or its only one.

    A time is compared on machines that are alike, and then is worth less than a ratio of what ran side by side. Sizes
    are compared exactly; answers question by question, where both kept theirs to the same questions.

    Raises:
        SubmissionError: If one of them is not valid.
    """
    readings = read(first), read(second)
    machines = machines_of(*readings)
    findings = (
        speedup_finding(*readings),
        accuracy_finding(*readings),
        *size_findings(*readings),
        *time_findings(*readings, machines),
    )
    return Contrast(
        (readings[0].subject.name, readings[1].subject.name), findings, machines, _notes(readings, machines)
    )


def _notes(readings: tuple[Reading, Reading], machines: Machines) -> tuple[str, ...]:
    notes = []
    if machines.software and machines.are_alike:
        notes.append(SOFTWARE.format("; ".join(machines.software)))
    if all(reading.comparison for reading in readings) and not _are_same(
        *(reading.baseline.content for reading in readings)
    ):
        notes.append(BASELINES)
    return tuple(notes)


def _are_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Say whether two models are known to be one: by their parameters, else by the hash of their files."""
    hashes = [(one.get("parameter_sha256"), (one.get("artifact") or {}).get("sha256")) for one in (first, second)]
    return any(a is not None and a == b for a, b in zip(*hashes, strict=True))
