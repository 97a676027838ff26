"""How queries come: one after another, several at once, all at once, or at random; MLPerf's words.

A scenario is one file, or a function of one, and one line in `SCENARIOS`.
"""

from collections.abc import Callable
from typing import Any

from tinytorch.benchmarking.scenarios.arrivals import poisson_arrivals
from tinytorch.benchmarking.scenarios.closed_loop import StreamRecord, multi_stream, single_stream
from tinytorch.benchmarking.scenarios.offline import BatchSweep, OfflineRecord, offline
from tinytorch.benchmarking.scenarios.server import (
    Judgement,
    ServerPlan,
    ServerRecord,
    ServiceLevel,
    judge,
    server,
    try_rate,
)
from tinytorch.benchmarking.scenarios.trial import Trial, offer

__all__ = [
    "SCENARIOS",
    "BatchSweep",
    "Judgement",
    "OfflineRecord",
    "ServerPlan",
    "ServerRecord",
    "ServiceLevel",
    "StreamRecord",
    "Trial",
    "judge",
    "multi_stream",
    "offer",
    "offline",
    "poisson_arrivals",
    "server",
    "single_stream",
    "try_rate",
]

SCENARIOS: dict[str, Callable[..., Any]] = {
    "single_stream": single_stream,
    "multi_stream": multi_stream,
    "offline": offline,
    "server": server,
}
