"""One model's training step as a dictionary of plain numbers: forwards and backwards measured, each by itself."""

from __future__ import annotations

from typing import Any

from tinytorch.core.autograd import is_recording
from tinytorch.core.tensor import MB_TO_BYTES, Tensor
from tinytorch.errors import StateError
from tinytorch.perf.costs import graph_cost
from tinytorch.perf.graph import Graph
from tinytorch.perf.profiling.allocations import counted, counting
from tinytorch.perf.profiling.backward_costs import backward_flops
from tinytorch.perf.profiling.flops import batch_of, count_sample, example_of
from tinytorch.perf.profiling.forward_pass import Beside, ForwardTurn, beside_roofs, costs_of, memory_of, traced_or_none
from tinytorch.perf.profiling.medians import median
from tinytorch.perf.profiling.models import held_arrays, trained_of
from tinytorch.perf.profiling.passes import needs_of
from tinytorch.perf.profiling.roofline import Roofline
from tinytorch.perf.profiling.training import Loss, TrainingStep
from tinytorch.perf.profiling.turns import Spans, Stopwatch, durations

__all__ = ["OPTIMIZER_BUFFERS", "profile_training"]

ASSUMED = 2  # FLOPs backwards for each one forwards, where there is no graph to count
OPTIMIZER_BUFFERS = {"sgd": 0, "adam": 2, "adamw": 2}  # arrays kept for each parameter, of its own size


def profile_training(model: Any, x: Tensor, loss: Loss | None, how: Beside) -> dict[str, Any]:
    """Measure forward and backward in turns with the roofs; what cannot be measured is none, with the reason."""
    forward_one, backward_one, method = _flops_of_one(model, x)
    step, times, reason = _timed(model, x, loss, how)
    memory = _memory(model, x, step)
    total = forward_one + backward_one
    whole = total if method == "assumed" else total * batch_of(x.shape)
    return {
        "forward_flops": forward_one,
        "backward_flops": backward_one,
        "total_flops": total,
        "batch_size": batch_of(x.shape),
        "backward_flops_method": method,
        **times,
        "total_gflops_per_second": _rate(whole, times["total_latency_ms"]),
        **memory,
        **({"reason": reason} if reason else {}),
    }


def _flops_of_one(model: Any, x: Tensor) -> tuple[int, int, str]:
    """Count forwards and backwards for a batch of one."""
    single = (1, *x.shape[1:]) if x.ndim > 1 else x.shape
    graph = traced_or_none(model, example_of(single))
    if graph is None:
        found = count_sample(model, x.shape)
        return found.flops, ASSUMED * found.flops, found.method
    return graph_cost(graph).flops, _backward_flops(model, graph), "traced"


def _backward_flops(model: Any, graph: Graph) -> int:
    needs = needs_of(graph, {id(one.data) for one in trained_of(model)})
    return sum(backward_flops(step, needed) for step, needed in zip(graph.steps, needs, strict=True))


def _timed(
    model: Any, x: Tensor, loss: Loss | None, how: Beside
) -> tuple[TrainingStep | None, dict[str, Any], str | None]:
    try:
        step = _runnable(model, x, loss)
    except StateError as error:
        rounds, roofline = beside_roofs(ForwardTurn(model, x), how)
        return None, _times(model, x, rounds, [], roofline), str(error)
    rounds, roofline = beside_roofs(step, how)
    return step, _times(model, x, [[spans[0]] for spans in rounds], [[spans[1]] for spans in rounds], roofline), None


def _runnable(model: Any, x: Tensor, loss: Loss | None) -> TrainingStep:
    """Make a step, and take it once.

    Raises:
        StateError: If there is no graph to go back on.
    """
    if not is_recording():
        raise StateError("the training step must be taken outside of no_grad; got one inside.")
    step = TrainingStep(model, [x], loss)
    step(Stopwatch(_Still()))
    return step


class _Still:
    """A clock for what is not timed."""

    def now_ns(self) -> int:
        """Stand still."""
        return 0


def _times(model: Any, x: Tensor, forward: list[Spans], backward: list[Spans], roofline: Roofline) -> dict[str, Any]:
    ahead = _milliseconds(forward)
    back = _milliseconds(backward)
    result = ForwardTurn(model, x).result()
    bound = roofline.least(*costs_of(model, x, traced_or_none(model, x), result)).bound
    return {
        "forward_latency_ms": ahead,
        "backward_latency_ms": back,
        "total_latency_ms": None if ahead is None or back is None else ahead + back,
        "bottleneck": bound or "memory",
    }


def _milliseconds(rounds: list[Spans]) -> float | None:
    value = median([durations(spans)[0] for spans in rounds]).value
    return None if value is None else value / 1e6


def _memory(model: Any, x: Tensor, step: TrainingStep | None) -> dict[str, Any]:
    """Measure what a step holds at most, beside what the model and the input do anyway."""
    forward = memory_of(model, x)
    held = sum(array.nbytes for array in held_arrays(model)) + x.data.nbytes
    found: dict[str, Any] = {"forward_memory_mb": forward["peak_memory_mb"]}
    found["optimizer_memory_estimates"] = _optimizers(model)
    if step is None:
        return found | dict.fromkeys(("gradient_memory_mb", "total_memory_mb", "memory_efficiency"))
    with counting():
        peak = counted(lambda: step(Stopwatch(_Still()))).peak
    total = held + peak
    return found | {
        "gradient_memory_mb": step.gradient_bytes / MB_TO_BYTES,
        "total_memory_mb": total / MB_TO_BYTES,
        "memory_efficiency": min((held + step.gradient_bytes) / total, 1.0) if total else 1.0,
    }


def _optimizers(model: Any) -> dict[str, float]:
    size = sum(one.data.nbytes for one in trained_of(model)) / MB_TO_BYTES
    return {name: count * size for name, count in OPTIMIZER_BUFFERS.items()}


def _rate(flops: int, milliseconds: float | None) -> float | None:
    return None if milliseconds is None else flops / (milliseconds * 1e6)
