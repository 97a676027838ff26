"""What an op costs, from the shapes alone: arithmetic, and bytes that must move.

`COSTS` has one entry per op in `OPS`. The conventions:

- One FLOP is one addition, multiplication, division, comparison or elementary function (exp, log, tanh, sqrt, pow) of
  one element. A multiplication and the addition that follows it are two.
- A product of (n, k) and (k, m) is `2 n k m`: every sum starts from 0, or from the bias, which is then free.
- Every operand is read once and every result written once, as if the caches were perfect: the least that must move.
  What only says in another way where elements lie (a reshape, a transpose, a plain slice) moves nothing.

Source:
    S. Williams, A. Waterman, D. Patterson (2009), Roofline: An Insightful Visual Performance Model, on operational
    intensity, of which these are the two parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from tinytorch.errors import StateError, explain
from tinytorch.perf.graph import Graph, Step, Value, trace

__all__ = ["COSTS", "Cost", "count_flops", "graph_cost", "step_cost"]

HOME = "src/tinytorch/perf/costs.py"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step costs, or several together.

    Attributes:
        flops: Operations on numbers.
        bytes_read: Bytes of all operands.
        bytes_written: Bytes of the result.

    Example:
        >>> Cost(4, 8, 8) + Cost(1, 0, 2)
        Cost(flops=5, bytes_read=8, bytes_written=10)
    """

    flops: int
    bytes_read: int
    bytes_written: int

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written."""
        return self.bytes_read + self.bytes_written

    def __add__(self, other: Cost) -> Cost:
        flops, read = self.flops + other.flops, self.bytes_read + other.bytes_read
        return Cost(flops, read, self.bytes_written + other.bytes_written)


Formula = Callable[[Step], Cost]
FREE = Cost(0, 0, 0)


def each(flops: int) -> Formula:
    """Cost `flops` for each element of the result."""
    return lambda step: _streamed(step, flops * step.output.size)


def each_input(flops: int) -> Formula:
    """Cost `flops` for each element of the first operand."""
    return lambda step: _streamed(step, flops * step.inputs[0].size)


def product(step: Step) -> Cost:
    """Cost a multiplication and an addition for each element of the result and each of the axis summed over."""
    return _streamed(step, 2 * step.output.size * step.inputs[0].shape[-1])


def mean(step: Step) -> Cost:
    """Cost a sum and a division for each result."""
    return _streamed(step, step.inputs[0].size + step.output.size)


def view(step: Step) -> Cost:
    """Cost nothing: no element moves."""
    del step
    return FREE


def clip(step: Step) -> Cost:
    """Cost a comparison for each limit."""
    return _streamed(step, step.output.size * sum(limit is not None for limit in step.options.values()))


def gather(step: Step) -> Cost:
    """Cost nothing for a plain slice; else, what is taken is read and written, and the indices are read."""
    key = step.options["key"]
    indices = [part for part in (key if isinstance(key, tuple) else (key,)) if isinstance(part, np.ndarray | list)]
    if not indices:
        return FREE
    read = step.output.nbytes + sum(np.asarray(part).nbytes for part in indices)
    return Cost(0, read, step.output.nbytes)


def int8_linear(step: Step) -> Cost:
    """Cost what a linear layer costs; the weights are read as bytes, with the scales and biases of the outputs."""
    packed = step.options["layer"].packed
    cost = product(step)
    return cost + Cost(0, packed.inputs * packed.outputs + 8 * packed.outputs, 0)


def int4_linear(step: Step) -> Cost:
    """Cost what a linear layer costs; the weights are read two in a byte, with their scales and the biases."""
    packed = step.options["layer"].packed
    groups = -(-packed.inputs // packed.group)
    return product(step) + Cost(0, packed.outputs * (-(-packed.inputs // 2) + 2 * groups + 4), 0)


def int8_conv2d(step: Step) -> Cost:
    """Cost what a convolution costs; the kernels are read as bytes, with their scales and biases."""
    outputs, *kernel = step.options["layer"].packed.shape
    size = math.prod(kernel)
    return _streamed(step, 2 * step.output.size * size) + Cost(0, outputs * (size + 8), 0)


def sparse_linear(step: Step) -> Cost:
    """Cost a multiplication and an addition for each row and each weight that is held, and a product with the scale.

    The entries are read with their places, the starts of columns, scales and biases.
    """
    layer = step.options["layer"]
    rows = step.output.size // layer.out_features
    flops = 2 * rows * layer.count + (step.output.size if layer.kind == "int8" else 0)
    return _streamed(step, flops) + Cost(0, layer.stored_bytes(), 0)


def look_up_bytes(step: Step) -> Cost:
    """Cost a product with the row's scale for each number; the rows taken are read as they are stored."""
    layer, rows = step.options["layer"], step.inputs[0].size
    stored = layer.stored_bytes() * rows // layer.vocab_size
    return Cost(step.output.size, step.inputs[0].nbytes + stored, step.output.nbytes)


def cross_entropy(step: Step) -> Cost:
    """Cost four operations for each logit (largest, difference, exp, sum), and three for each row."""
    logits, targets = step.inputs
    return _streamed(step, 4 * logits.size + 3 * targets.size)


def look_up(step: Step) -> Cost:
    """Cost no arithmetic; the indices and the rows taken are read, not the rest of the table."""
    rows, indices = step.output.nbytes, step.inputs[1].nbytes
    return Cost(0, rows + indices, rows)


def layer_norm(step: Step) -> Cost:
    """Cost seven operations for each element and five for each row.

    Of an element: its share of the mean, difference, square, sum, and the products with scale and gamma, plus beta;
    of a row: two divisions, eps, root and reciprocal.
    """
    x = step.inputs[0]
    return _streamed(step, 7 * x.size + 5 * (x.size // x.shape[-1]))


def conv2d(step: Step) -> Cost:
    """Cost a multiplication and an addition for each element of the result and each of a kernel."""
    kernels = step.inputs[1]
    return _streamed(step, 2 * step.output.size * (kernels.size // (kernels.shape[0] or 1)))


def max_pool2d(step: Step) -> Cost:
    """Cost a comparison for each element of each window."""
    return _streamed(step, step.output.size * _window_size(step))


def avg_pool2d(step: Step) -> Cost:
    """Cost an addition for each element of each window, and a multiplication for each window."""
    return _streamed(step, step.output.size * (_window_size(step) + 1))


def _window_size(step: Step) -> int:
    kernel = step.options["kernel_size"]
    return kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]


def batch_norm(step: Step) -> Cost:
    """Cost a difference, a product and a sum for each element; with moments of its own, three more for those.

    What is done once for each channel (a sum, a root, two products) is counted too.
    """
    fixed = step.options.get("mean") is not None
    channels = step.inputs[1].size
    cost = _streamed(step, (3 if fixed else 6) * step.output.size + 4 * channels)
    read = sum(step.options[name].nbytes for name in ("mean", "variance")) if fixed else 0
    return cost + Cost(0, read, 0)


def attention(step: Step) -> Cost:
    """Cost the scores and their odds, the product with the values, and a division for each result."""
    pairs, values = _pairs(step), step.inputs[2].shape[-1]
    flops = pairs * (_flops_a_pair(step) + 2 * values) + step.output.size
    return _streamed(step, flops) + Cost(0, _mask_bytes(step), 0)


def attention_weights(step: Step) -> Cost:
    """Cost the scores and their odds, and a division for each weight."""
    return _streamed(step, _pairs(step) * (_flops_a_pair(step) + 1)) + Cost(0, _mask_bytes(step), 0)


def _pairs(step: Step) -> int:
    """Count queries and the keys they may look at; a mask hides what has been computed, causal attention spares it."""
    queries, keys = step.inputs[0].shape[-2], step.inputs[1].shape[-2]
    leading = np.broadcast_shapes(*(value.shape[:-2] for value in step.inputs))
    seen = queries * keys
    if step.options.get("causal"):
        seen -= queries * (queries - 1) // 2
    return int(np.prod(leading, dtype=np.int64)) * seen


def _flops_a_pair(step: Step) -> int:
    """The product, the scale, what an additive mask adds, and four of a softmax: largest, difference, exp, sum."""
    mask = step.options.get("mask")
    added = mask is not None and mask.dtype.kind == "f"
    return 2 * step.inputs[0].shape[-1] + 1 + added + 4


def _mask_bytes(step: Step) -> int:
    mask = step.options.get("mask")
    return 0 if mask is None else int(mask.nbytes)


def _streamed(step: Step, flops: int) -> Cost:
    read = sum(_stored_bytes(value) for value in dict.fromkeys(step.inputs))
    return Cost(flops, read, step.output.nbytes)


def _stored_bytes(value: Value) -> int:
    """A Python number stands in the code, not in memory."""
    return 0 if value.data is not None and not isinstance(value.data, np.ndarray) else value.nbytes


COSTS: dict[str, Formula] = {
    "abs": each(1),
    "add": each(1),
    "astype": each(0),
    "attention": attention,
    "attention_weights": attention_weights,
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "bce": each_input(8),  # log p, 1 - p, its log, 1 - t, two products, their sum, the total
    "broadcast_to": view,
    "clip": clip,
    "concatenate": each(0),
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "div": each(1),
    "dropout": each(1),
    "embedding": look_up,
    "exp": each(1),
    "gelu": each(9),  # x², its multiple, + 1, two products, tanh, + 1, x / 2, the product
    "int4_linear": int4_linear,
    "int8_conv2d": int8_conv2d,
    "int8_linear": int8_linear,
    "layer_norm": layer_norm,
    "linear": product,
    "log": each(1),
    "log_softmax": each(5),  # largest, difference, exp, sum, difference
    "look_up": look_up_bytes,
    "matmul": product,
    "max": each_input(1),
    "max_pool2d": max_pool2d,
    "maximum": each(1),
    "mean": mean,
    "min": each_input(1),
    "minimum": each(1),
    "mse": each_input(3),  # difference, square, sum
    "mul": each(1),
    "neg": each(1),
    "permute": view,
    "pow": each(1),
    "relu": each(1),
    "reshape": view,
    "sigmoid": each(4),  # -x, exp, 1 +, the quotient
    "slice": gather,
    "softmax": each(5),  # largest, difference, exp, sum, quotient
    "sparse_linear": sparse_linear,
    "sqrt": each(1),
    "stack": each(0),
    "sub": each(1),
    "sum": each_input(1),
    "tanh": each(1),
    "transpose": view,
    "where": each(0),
}


def step_cost(step: Step) -> Cost:
    """Look up what a step costs.

    Raises:
        StateError: If its op has no entry in `COSTS`.
    """
    if step.op not in COSTS:
        raise StateError(explain("the cost of an op", f"in COSTS of {HOME}", f"none for {step.op}"))
    return COSTS[step.op](step)


def graph_cost(graph: Graph) -> Cost:
    """Add up what all steps of a graph cost.

    Example:
        >>> from tinytorch.core.tensor import Tensor
        >>> graph_cost(trace(lambda x: x * x + 1, Tensor([1.0, 2.0])))
        Cost(flops=4, bytes_read=16, bytes_written=16)
    """
    return reduce(Cost.__add__, map(step_cost, graph.steps), FREE)


def count_flops(model: Any, *example: Any) -> int:
    """Count the floating-point operations of one call of a model on an example, the whole batch together.

    Args:
        model: Whatever `trace` takes.
        example: Its inputs.

    Raises:
        StateError: As `trace` does.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> count_flops(Linear(784, 10), [[0.0] * 784])
        15680
    """
    return graph_cost(trace(model, *example)).flops
