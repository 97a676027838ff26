"""A profile as a trace that Perfetto and Chrome's tracing page open: every span where the clock had it.

Layers lie over the ops they did. The format is the JSON form of the Trace Event Format: complete events (`X`), with
microseconds, and metadata (`M`) that names the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinytorch.perf.profiling.report import OpProfile, Profile
from tinytorch.perf.profiling.turns import Span

__all__ = ["chrome_trace"]

PROCESS = 1
WHOLE, OPS, RULES, ROOFS = 1, 2, 3, 4
ROWS = {WHOLE: "whole model", OPS: "forward, op by op", RULES: "backward, op by op", ROOFS: "roofs"}

Event = dict[str, Any]


def chrome_trace(profile: Profile, rounds: int = 10) -> dict[str, Any]:
    """Give the first rounds of a profile as a trace, ready for JSON.

    Args:
        profile: What was measured.
        rounds: How many rounds, at most.
    """
    spans = [*_whole(profile, rounds), *_roofs(profile, rounds), *_by_op(profile, rounds)]
    origin = min((span[0] for _, _, span, _ in spans), default=0)
    spans.sort(key=lambda one: (one[0], one[2][0], -one[2][1]))  # what lies over others comes before them
    events = [_event(row, name, span, arguments, origin) for row, name, span, arguments in spans]
    return {
        "displayTimeUnit": "ns",
        "otherData": {"model": profile.name, "rounds": min(rounds, profile.rounds), **profile.conditions},
        "traceEvents": [*_names(profile), *events],
    }


Named = tuple[int, str, Span, dict[str, Any]]


def _names(profile: Profile) -> Iterator[Event]:
    yield _metadata("process_name", 0, {"name": profile.name})
    for row, name in ROWS.items():
        yield _metadata("thread_name", row, {"name": name})
        yield _metadata("thread_sort_index", row, {"sort_index": row})


def _metadata(name: str, row: int, arguments: dict[str, Any]) -> Event:
    return {"name": name, "ph": "M", "pid": PROCESS, "tid": row, "args": arguments}


def _event(row: int, name: str, span: Span, arguments: dict[str, Any], origin: int) -> Event:
    start, duration = span
    return {
        "name": name,
        "cat": ROWS[row],
        "ph": "X",
        "pid": PROCESS,
        "tid": row,
        "ts": (start - origin) / 1000,
        "dur": duration / 1000,
        "args": arguments,
    }


def _whole(profile: Profile, rounds: int) -> Iterator[Named]:
    whole = profile.whole
    kinds = (("forward", whole.forward), ("forward with a graph", whole.recorded), ("backward", whole.backward))
    for name, spans in kinds:
        for number, span in enumerate(spans[:rounds]):
            yield WHOLE, name, span, {"round": number}


def _roofs(profile: Profile, rounds: int) -> Iterator[Named]:
    for roof in profile.roofs:
        for number, span in enumerate(roof.spans[:rounds]):
            yield ROOFS, roof.name, span, {"round": number, "amount": roof.amount, "kind": roof.kind}


def _by_op(profile: Profile, rounds: int) -> Iterator[Named]:
    for number in range(min(rounds, profile.rounds)):
        forward = {op.number: op.forward[number] for op in profile.ops}
        backward = {op.number: op.backward[number] for op in profile.ops if op.backward}
        for row, spans in ((OPS, forward), (RULES, backward)):
            yield from _layers(profile, row, spans, number)
            yield from ((row, op.op, spans[op.number], _arguments(op)) for op in profile.ops if op.number in spans)


def _layers(profile: Profile, row: int, spans: dict[int, Span], number: int) -> Iterator[Named]:
    for scope in profile.scopes:
        inside = [spans[step] for step in range(scope.start, scope.stop) if step in spans]
        if inside:
            yield row, f"{scope.path or profile.name} ({scope.kind})", _around(inside), {"round": number}


def _around(spans: Sequence[Span]) -> Span:
    start = min(start for start, _ in spans)
    return start, max(start + duration for start, duration in spans) - start


def _arguments(op: OpProfile) -> dict[str, Any]:
    return {
        "layer": op.layer,
        "shape": list(op.shape),
        "parameters": op.parameters,
        "flops": op.cost.flops,
        "bytes_moved": op.cost.bytes_moved,
        "peak_bytes": op.allocation.peak,
    }
