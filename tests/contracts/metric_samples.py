"""One row per metric: a case that it can be measured of, and what it then is.

A new metric needs a row here; `test_metrics.py` fails and names this file while it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.outcomes import Outcomes
from tinytorch.core.layers import Linear

MS = 1_000_000
LIMIT = 10_000_000
ZONE = "sys/class/powercap/intel-rapl:0"


@dataclass(frozen=True)
class MetricRow:
    """One metric, measured of one case.

    Attributes:
        name: The metric's.
        case: Makes the case, given a clock that stands still and an empty folder.
        expected: The value that it then has; none where only its bounds are known.
    """

    name: str
    case: Callable[[Any, Path], Case]
    expected: float | None


def _accuracy(_clock, _folder) -> Case:
    classes = np.array([0, 1, 2, 0])
    return Case(judge=lambda: (Outcomes.of(classes), np.array([0, 1, 2, 2])))


def _throughput(clock, _folder) -> Case:
    return Case(batch=lambda size: lambda: clock.pass_time(MS + size * MS // 10), clock=clock)


def _energy(clock, folder) -> Case:
    """Lay out a package that uses 2 W when idle and 5 W when busy."""
    place = folder / ZONE
    place.mkdir(parents=True)
    (place / "name").write_text("package-0\n")
    (place / "max_energy_range_uj").write_text(f"{LIMIT}\n")
    meter = _Meter(clock, place / "energy_uj")
    return Case(batch=lambda _: lambda: meter.run(20 * MS, 5), clock=clock, sleeper=meter, root=folder)


class _Meter:
    """A package's counter, which runs on as time passes."""

    def __init__(self, clock, file: Path) -> None:
        self.clock = clock
        self.file = file
        self.microjoules = LIMIT - 100_000  # so that it wraps soon
        self.run(0, 0)

    def run(self, nanoseconds: int, watts: int) -> None:
        """Let time pass at some power."""
        self.clock.pass_time(nanoseconds)
        self.microjoules = (self.microjoules + nanoseconds * watts // 1000) % LIMIT
        self.file.write_text(f"{self.microjoules}\n")

    def sleep_until(self, instant: int) -> None:
        self.run(instant - self.clock.now_ns(), 2)


class _Process:
    """A worker that knows its answers."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self.answers = answers

    def ask(self, command: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        assert seconds > 0
        answer = self.answers[command]
        return {"durations_ns": answer["durations_ns"] * arguments["calls"]} if command == "single" else answer

    def close(self) -> None:
        self.answers = {}


STAGES = {"import_ns": 200 * MS, "build_ns": 30 * MS, "first_call_ns": 5 * MS, "second_call_ns": MS}
LOADED = STAGES | {"outputs": [], "python": "3.11.0", "resident_bytes": 1000}
WEIGHED = {"stored_bytes": 132, "serialized_bytes": None, "parameter_count": 33}
PASSES = {"passes": [{"peak_rss_delta": 8192, "traced_peak": 5000}]}


def _fresh(_clock, _folder) -> Case:
    answers = {
        "load": LOADED,
        "weigh": WEIGHED,
        "memory": PASSES,
        "collect": {},
        "clock": {"cost_ns": 0},
        "yardstick": {"wall_ns": 100},
        "warm_up": {"epochs_ns": [2000]},
        "single": {"durations_ns": [2000]},
        "outputs": {"digest": "same", "nan": False},
        "status": {"calls": 400, "resident_bytes": 1000, "forks": 0},
    }
    return Case(start=lambda: _Process(answers), clock=_clock)


def _parameters(_clock, _folder) -> Case:
    return Case(model=Linear(10, 3))


ROWS = (
    MetricRow("latency", _fresh, 2e-6),
    MetricRow("accuracy", _accuracy, 0.75),
    MetricRow("throughput", _throughput, 256 / 26.6e-3),
    MetricRow("peak_memory", _fresh, 8192),
    MetricRow("cold_start", _fresh, 0.235),
    MetricRow("energy", _energy, 60e-3),
    MetricRow("parameters", _parameters, 33),
)
