"""One row per scenario: how it is run on a clock that stands still, and how many raw numbers its record then keeps.

A new scenario needs a row here; `test_scenarios.py` fails and names this file while it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinytorch.benchmarking.scenarios import ServerPlan, ServiceLevel, multi_stream, offline, server, single_stream

MS = 1_000_000


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario, run once.

    Attributes:
        name: The scenario's.
        run: Runs it, given a clock that is its own sleeper.
        raw: How many raw numbers the record then has at least.
    """

    name: str
    run: Callable[[Any], Any]
    raw: int


def _batch(clock: Any) -> Callable[[int], Callable[[], None]]:
    return lambda size: lambda: clock.pass_time(MS + size)


ROWS = (
    ScenarioRow("single_stream", lambda clock: single_stream(_batch(clock)(1), calls=40, clock=clock), 40),
    ScenarioRow("multi_stream", lambda clock: multi_stream(_batch(clock), samples=4, calls=40, clock=clock), 40),
    ScenarioRow("offline", lambda clock: offline(_batch(clock), sizes=(1, 8), clock=clock), 2 * 20),
    ScenarioRow(
        "server",
        lambda clock: server(_batch(clock)(1), ServiceLevel(20 * MS), ServerPlan(queries=400), clock, clock),
        3 * 400,
    ),
)
