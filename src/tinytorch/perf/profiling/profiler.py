"""The profiler under the names that users know: each method measures one thing and gives plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from tinytorch.clock import CLOCK, Clock
from tinytorch.core.tensor import Tensor
from tinytorch.errors import MeasurementError, explain
from tinytorch.perf.profiling.flops import batch_of, count_sample, example_of, is_traceable, require_shape
from tinytorch.perf.profiling.forward_pass import (
    Beside,
    ForwardTurn,
    beside_roofs,
    costs_of,
    memory_of,
    speed_of,
    traced_or_none,
)
from tinytorch.perf.profiling.medians import median
from tinytorch.perf.profiling.models import parameters_of
from tinytorch.perf.profiling.roofs import RoofSizes
from tinytorch.perf.profiling.training import Loss
from tinytorch.perf.profiling.training_pass import profile_training
from tinytorch.perf.profiling.turns import Rounds, durations, take_turns
from tinytorch.quiet import pinned_blas

__all__ = ["Profiler", "quick_profile"]

SEED = 0


class Profiler:
    """Measures one model at a time. `profile` shows where in a model the time goes.

    FLOPs are those of one sample, whatever the batch; rates multiply by the batch before they divide by time. Sizes are
    of arrays as stored, and of what calls allocate. Efficiencies are shares of what this machine did at best in the
    same rounds.

    Args:
        rounds: How often the model and the roofs have their turns.
        threads: How many threads the matrix library may use; none leaves it alone.
        clock: What tells the time.
        roofs: How large the work is that finds the roofs.

    Attributes:
        measurements: What each method found last, by its name.
        operation_counts: How often each op is done, as `count_flops` found last.
        memory_tracker: What `measure_memory` found last; None before that.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> Profiler().count_parameters(Linear(4, 2)), Profiler().count_flops(Linear(4, 2), (32, 4))
        (10, 16)
    """

    def __init__(
        self,
        *,
        rounds: Rounds | None = None,
        threads: int | None = 1,
        clock: Clock = CLOCK,
        roofs: RoofSizes | None = None,
    ) -> None:
        self._how = Beside(rounds or Rounds(), threads, clock, roofs or RoofSizes())
        self.measurements: dict[str, Any] = {}
        self.operation_counts: dict[str, int] = {}
        self.memory_tracker: dict[str, float] | None = None

    def count_parameters(self, model: Any) -> int:
        """Count the numbers in the parameters, a shared one once; 0 for what shows none."""
        return sum(int(np.asarray(one.data).size) for one in parameters_of(model))

    def count_flops(self, model: Any, input_shape: Sequence[int]) -> int:
        """Count the FLOPs of one sample: the first of several axes is the batch, and its length does not matter.

        What is no model at all counts as one FLOP for each element of the input; `measurements["count_flops"]` says by
        which method the number was found.

        Raises:
            RangeError: If a size is not a whole number above 0.
        """
        found = count_sample(model, input_shape)
        self.operation_counts = dict(found.ops)
        self.measurements["count_flops"] = {"flops": found.flops, "method": found.method}
        return found.flops

    def measure_memory(self, model: Any, input_shape: Sequence[int]) -> dict[str, float]:
        """Measure the memory of an inference on inputs of a shape.

        Returns:
            In MB of 1024^2 bytes: `parameter_memory_mb`, the arrays that the model holds; `activation_memory_mb`, the
            input and the most that a call allocates; `peak_memory_mb`, their sum. And `memory_efficiency`, the share of
            the peak that any way of doing it needs: parameters, input and result.

        Raises:
            RangeError: If a size is not a whole number above 0.
        """
        found = memory_of(model, _drawn(model, input_shape))
        self.memory_tracker = found
        return self._keep("measure_memory", found)

    def measure_latency(self, model: Any, input_tensor: Any, warmup: int = 10, iterations: int = 100) -> float:
        """Time a model on an input, in inference and without gradients.

        Args:
            model: Anything with `forward`, or a function.
            input_tensor: What it is called with.
            warmup: Calls before that are not timed, at least 0.
            iterations: Timed calls, at least 1.

        Returns:
            The median, in milliseconds.

        Raises:
            RangeError: If a number of calls is too small.
            DTypeError: If the model cannot be called.
        """
        turns = {"": ForwardTurn(model, input_tensor)}
        with pinned_blas(self._how.threads):
            found = take_turns(turns, Rounds(iterations, warmup), self._how.clock)[""]
        samples = [durations(spans)[0] for spans in found]
        middle = median(samples)
        if middle.value is None:
            raise MeasurementError(explain("the timed calls", "at least one", "none"))
        self.measurements["measure_latency"] = {"durations_ns": samples}
        return middle.value / 1e6

    def profile_layer(self, layer: Any, input_shape: Sequence[int]) -> dict[str, Any]:
        """Profile the forward pass of a layer on a drawn input.

        Returns:
            `layer_type`, and all that `profile_forward_pass` gives.
        """
        found = self.profile_forward_pass(layer, _drawn(layer, input_shape))
        return self._keep("profile_layer", {"layer_type": type(layer).__name__} | found)

    def profile_forward_pass(self, model: Any, input_tensor: Any) -> dict[str, Any]:
        """Profile an inference, beside what the machine can do at best.

        Returns:
            `parameters`; `flops` of one sample, `batch_size`, `total_flops` and `bytes_moved` of the call;
            `latency_ms`, the median; the four sizes of `measure_memory`; `gflops_per_second`, `memory_bandwidth_mbs`;
            `computational_efficiency`, the share of the measured peak of a matrix product; `bottleneck`, the roof that
            takes the ops longest, with `is_memory_bound` and `is_compute_bound`; `roof_share`, of that roof;
            `peak_gflops_per_second` and `peak_memory_bandwidth_mbs`.
        """
        x = input_tensor if isinstance(input_tensor, Tensor) else Tensor(input_tensor)
        turn = ForwardTurn(model, x)
        costs = costs_of(model, x, traced_or_none(model, x), turn.result())
        rounds, roofline = beside_roofs(turn, self._how)
        found = {
            "parameters": self.count_parameters(model),
            "flops": self.count_flops(model, x.shape),
            "batch_size": batch_of(x.shape),
            "total_flops": sum(cost.flops for cost in costs),
            "bytes_moved": sum(cost.bytes_moved for cost in costs),
            **memory_of(model, x),
            **speed_of(costs, [spans[0] for spans in rounds], roofline),
        }
        return self._keep("profile_forward_pass", found)

    def profile_backward_pass(self, model: Any, input_tensor: Any, _loss_fn: Loss | None = None) -> dict[str, Any]:
        """Profile a training step: a forward pass that records a graph, and the backward pass over it, both measured.

        The model runs in its own mode. Its gradients are put back.

        Args:
            model: Anything with `forward`, or a function of a tensor.
            input_tensor: What it is called with.
            _loss_fn: From the model's result to a scalar tensor; without one, the gradient of each result is 1.

        Returns:
            FLOPs of one sample: `forward_flops`, `backward_flops`, `total_flops`. Medians in milliseconds:
            `forward_latency_ms`, `backward_latency_ms`, and their sum, `total_latency_ms`. Sizes in MB:
            `forward_memory_mb`, the peak of an inference; `gradient_memory_mb`; `total_memory_mb`, the peak of the
            step; `optimizer_memory_estimates`, what SGD, Adam and AdamW keep beside it. `total_gflops_per_second`,
            `memory_efficiency`, `bottleneck`, that of the forward pass. Where nothing can be trained, what needs a
            backward pass is None, and `reason` says why.
        """
        x = input_tensor if isinstance(input_tensor, Tensor) else Tensor(input_tensor)
        return self._keep("profile_backward_pass", profile_training(model, x.detach(), _loss_fn, self._how))

    def _keep(self, name: str, found: dict[str, Any]) -> dict[str, Any]:
        self.measurements[name] = found
        return found


def quick_profile(
    model: Any, input_tensor: Any, profiler: Profiler | None = None, *, stream: TextIO | None = None
) -> dict[str, Any]:
    """Profile a forward pass, and write what was found.

    Args:
        model: Anything with `forward`.
        input_tensor: What it is called with.
        profiler: What measures; a new one if left out.
        stream: Where the lines go; standard output if left out.

    Returns:
        What `Profiler.profile_forward_pass` gives.
    """
    from tinytorch.perf.profiling.tables import summary

    found = (profiler or Profiler()).profile_forward_pass(model, input_tensor)
    print(summary(type(model).__name__, found), file=stream)
    return found


def _drawn(model: Any, input_shape: Sequence[int]) -> Tensor:
    """Draw normal numbers, the same each time; zeros for what looks its inputs up in a table, or is no model."""
    shape = require_shape(input_shape)
    graph = traced_or_none(model, example_of(shape)) if is_traceable(model) else None
    looked_up = [] if graph is None else [step.inputs[1] for step in graph.steps if step.op == "embedding"]
    if graph is None or any(value in graph.inputs for value in looked_up):
        return example_of(shape)
    return Tensor(np.random.default_rng(SEED).standard_normal(shape))
