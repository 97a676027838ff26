"""The trace: valid by the rules of the Trace Event Format, and true to the clock."""

import json
import math

import numpy as np
import pytest

from tinytorch.core.layers import Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.perf.profiling import profile
from tinytorch.perf.profiling.chrome import OPS, RULES, chrome_trace


def problems_of(trace):
    """List what Perfetto would not take, or would draw wrongly."""
    events = trace["traceEvents"]
    found = [f"no {key} in {event}" for event in events for key in ("name", "ph", "pid", "tid") if key not in event]
    complete = [event for event in events if event.get("ph") == "X"]
    found += [f"kind {event['ph']}" for event in events if event.get("ph") not in {"X", "M"}]
    for event in complete:
        numbers = [event.get("ts"), event.get("dur")]
        if not all(isinstance(x, int | float) and math.isfinite(x) and x >= 0 for x in numbers):
            found.append(f"times of {event['name']}")
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    found += [f"row {event['tid']} has no name" for event in complete if event["tid"] not in named]
    return found or overlaps(complete)


def overlaps(events):
    """Name the events of one row that begin inside another and end outside it: they cannot be drawn as a stack."""
    found = []
    for row in {event["tid"] for event in events}:
        open_ends = []
        for event in [event for event in events if event["tid"] == row]:
            start, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            if open_ends and end > open_ends[-1]:
                found.append(f"{event['name']} overlaps")
            open_ends.append(end)
    return found


def events(trace, row):
    """Give the complete events of a row."""
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["tid"] == row]


@pytest.fixture
def made(conditions, make_waiting_layer):
    """Give the trace of two layers of 2 and 5 µs."""
    model = Sequential(make_waiting_layer(2000), make_waiting_layer(5000))
    return chrome_trace(profile(model, np.ones(2), conditions=conditions), rounds=2)


def test_the_trace_is_valid(made):
    """By its own rules, and as JSON."""
    assert problems_of(json.loads(json.dumps(made, allow_nan=False))) == []


def test_a_real_models_trace_is_valid(conditions):
    """Blocks in a model, layers in blocks, ops in layers."""
    tokens = Tensor(np.zeros((2, 3)), dtype=np.int64)
    made = chrome_trace(profile(GPT(7, 8, 2, 2, 4), tokens, conditions=conditions))
    assert problems_of(made) == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (lambda event: event.pop("ts"), "times of"),
        (lambda event: event.update(dur=float("nan")), "times of"),
        (lambda event: event.update(dur=-1.0), "times of"),
        (lambda event: event.update(tid=99), "row 99 has no name"),
        (lambda event: event.update(ph="B"), "kind B"),
        (lambda event: event.pop("pid"), "no pid in"),
        (lambda event: event.update(dur=event["dur"] + 1), "overlaps"),
    ],
    ids=["no start", "NaN", "before it began", "unknown row", "half an event", "no process", "too long"],
)
def test_a_fault_in_a_trace_is_found(made, fault, problem):
    """The check above can fail."""
    event = next(event for event in events(made, OPS) if event["name"] == "waits")
    fault(event)
    assert any(problem in one for one in problems_of(made))


def test_spans_stand_where_the_clock_had_them(made):
    """In microseconds from the first; layers over their ops; backwards from the last."""
    forward = [(event["name"], event["dur"]) for event in events(made, OPS)]
    once = [
        (" (Sequential)", 7.0),
        ("layers.0 (Waits)", 2.0),
        ("waits", 2.0),
        ("layers.1 (Waits)", 5.0),
        ("waits", 5.0),
    ]
    assert [(name.removeprefix("Sequential"), dur) for name, dur in forward] == 2 * once
    rules = [event["dur"] for event in events(made, RULES) if event["name"] == "waits"]
    assert rules == 2 * [15.0, 6.0]
    assert min(event["ts"] for event in made["traceEvents"] if event["ph"] == "X") == 0


def test_each_op_says_what_it_costs(made):
    """For the panel that Perfetto shows."""
    event = next(event for event in events(made, OPS) if event["name"] == "waits")
    assert (event["args"]["layer"], event["args"]["flops"], event["args"]["shape"]) == ("layers.0", 2, [2])
