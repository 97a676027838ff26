"""One model's forward pass as a dictionary of plain numbers: time beside the roofs, and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytorch.clock import CLOCK, Clock
from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import MB_TO_BYTES, Tensor
from tinytorch.errors import DTypeError, StateError, explain
from tinytorch.perf.costs import Cost, step_cost
from tinytorch.perf.graph import Graph, inference, trace
from tinytorch.perf.profiling.allocations import counted, counting
from tinytorch.perf.profiling.flops import count_sample, is_traceable
from tinytorch.perf.profiling.medians import median
from tinytorch.perf.profiling.models import held_arrays
from tinytorch.perf.profiling.roofline import LeastTime, Roofline, RoofProfile
from tinytorch.perf.profiling.roofs import RoofSizes, make_roofs
from tinytorch.perf.profiling.turns import Rounds, Span, Spans, Stopwatch, Turn, durations, take_turns
from tinytorch.quiet import pinned_blas

__all__ = ["Beside", "ForwardTurn", "beside_roofs", "costs_of", "memory_of", "speed_of", "traced_or_none"]

COUNTS = 3
MEMORY_KEYS = ("parameter_memory_mb", "activation_memory_mb", "peak_memory_mb", "memory_efficiency")


class ForwardTurn:
    """Calls a model in inference, without gradients.

    Raises:
        DTypeError: If it cannot be called.
    """

    def __init__(self, model: Any, x: Any) -> None:
        if not is_traceable(model):
            remedy = "Give it a method forward(x)."
            raise DTypeError(explain("the model", "one that can be called", type(model).__name__, remedy=remedy))
        self._model, self._x = model, x
        self._forward: Callable[..., Any] = getattr(model, "forward", model)

    def __call__(self, watch: Stopwatch) -> Spans:
        """Call once."""
        with inference(self._model), no_grad():
            return [watch.time(lambda: self._forward(self._x))]

    def result(self) -> Any:
        """Call once, and give what comes back."""
        with inference(self._model), no_grad():
            return self._forward(self._x)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is timed beside the roofs, and how.

    Attributes:
        rounds: How often.
        threads: Of the matrix library; none leaves it alone.
        clock: What tells the time.
        roofs: How large the work is that finds them.
    """

    rounds: Rounds = Rounds()  # noqa: RUF009  it is frozen
    threads: int | None = 1
    clock: Clock = CLOCK
    roofs: RoofSizes = RoofSizes()  # noqa: RUF009  it is frozen


def beside_roofs(turn: Turn, how: Beside) -> tuple[list[Spans], Roofline]:
    """Time something and the roofs in turns."""
    roofs = make_roofs(sizes=how.roofs)
    with pinned_blas(how.threads):
        found = take_turns({"": turn} | {roof.name: roof for roof in roofs}, how.rounds, how.clock)
    measured = [
        RoofProfile(roof.name, roof.kind, roof.amount, tuple(spans[0] for spans in found[roof.name])) for roof in roofs
    ]
    return found[""], Roofline(tuple(measured))


def traced_or_none(model: Any, x: Any) -> Graph | None:
    """Trace a model; none if its path depends on data, or it cannot be called."""
    if not is_traceable(model):
        return None
    try:
        return trace(model, x)
    except StateError:  # it reads its data in Python: the caller counts it by name
        return None


def costs_of(model: Any, x: Any, graph: Graph | None, result: Any) -> list[Cost]:
    """Give the cost of each op; without a graph one for all, with the bytes that any way of doing it moves."""
    if graph is not None:
        return [step_cost(step) for step in graph.steps]
    flops = count_sample(model, np.shape(_array(x))).total
    stored = sum(array.nbytes for array in held_arrays(model))
    return [Cost(flops, stored + _array(x).nbytes, _array(result).nbytes)]


def speed_of(costs: Sequence[Cost], spans: Sequence[Span], roofline: Roofline) -> dict[str, Any]:
    """Give rates, shares of roofs, and which of them bounds the whole."""
    flops, moved = sum(cost.flops for cost in costs), sum(cost.bytes_moved for cost in costs)
    took, least = durations(spans), roofline.least(*costs)
    time = median(took).value or 1
    bound = least.bound or "memory"
    return {
        "latency_ms": time / 1e6,
        "gflops_per_second": flops / time,
        "memory_bandwidth_mbs": moved / time * 1e9 / MB_TO_BYTES,
        "computational_efficiency": _share(least.compute, took),
        "is_memory_bound": bound == "memory",
        "is_compute_bound": bound == "compute",
        "bottleneck": bound,
        **_roofs(least, took, roofline, moved),
    }


def _roofs(least: LeastTime, took: Sequence[int], roofline: Roofline, moved: int) -> dict[str, Any]:
    return {
        "roof_share": _share([max(pair) for pair in zip(*least, strict=True)], took),
        "peak_gflops_per_second": roofline.product.rate.value,
        "peak_memory_bandwidth_mbs": (roofline.stream(moved).rate.value or 0) * 1e9 / MB_TO_BYTES,
    }


def _share(least: Sequence[float], took: Sequence[int]) -> float:
    """Give the median share; work in a near cache can be quicker than the roof, which then is the share's limit."""
    return min(median([bound / time for bound, time in zip(least, took, strict=True)]).value or 0.0, 1.0)


def memory_of(model: Any, x: Any) -> dict[str, float]:
    """Measure what an inference holds: the arrays of the model, the input, and the most that it allocates.

    What cannot be called allocates nothing. `memory_efficiency` is the part of the peak that any way of doing it needs:
    the model's arrays, the input and the result.
    """
    stored, given = sum(array.nbytes for array in held_arrays(model)), _array(x).nbytes
    peak, result = _inference_peak(model, x) if is_traceable(model) else (0, 0)
    total = stored + given + peak
    needed = min(stored + given + result, total)
    sizes = (stored / MB_TO_BYTES, (given + peak) / MB_TO_BYTES, total / MB_TO_BYTES)
    return dict(zip(MEMORY_KEYS, (*sizes, needed / total if total else 1.0), strict=True))


def _inference_peak(model: Any, x: Any) -> tuple[int, int]:
    turn = ForwardTurn(model, x)
    result = _array(turn.result()).nbytes
    with counting():
        peaks = sorted(counted(turn.result).peak for _ in range(COUNTS))
    return max(peaks[COUNTS // 2], 0), result


def _array(x: Any) -> np.ndarray[Any, Any]:
    """Give the array of a tensor; of several results, the first one's."""
    first = x[0] if isinstance(x, tuple | list) and x and isinstance(x[0], Tensor) else x
    return np.asarray(getattr(first, "data", first))
