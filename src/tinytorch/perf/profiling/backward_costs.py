"""What the backward rule of an op costs, in FLOPs, counted as the rules stand in `core/ops`.

The conventions are those of `perf.costs`. `BACKWARD` has one entry for each op that leaves a gradient; each takes the
step and, for each operand, whether it needs a gradient. What an operand was broadcast along is summed: one addition for
each element. Attention of long sequences computes its odds again; that is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinytorch.core.ops.shape import is_basic
from tinytorch.errors import StateError, explain
from tinytorch.perf.tracing import Step

__all__ = ["BACKWARD", "backward_flops"]

HOME = "src/tinytorch/perf/profiling/backward_costs.py"

Formula = Callable[[Step, Sequence[bool]], int]


def each(*flops: int) -> Formula:
    """Cost so many for each element of the result and each operand in turn that needs a gradient."""
    return lambda step, needs: (
        step.output.size * sum(own for own, needed in zip(_repeated(flops, len(needs)), needs, strict=True) if needed)
    )


def each_input(flops: int, result: int = 0) -> Formula:
    """Cost `flops` for each element of the first operand and `result` for each of the result."""
    return lambda step, needs: needs[0] * (flops * step.inputs[0].size + result * step.output.size)


def products(step: Step, needs: Sequence[bool]) -> int:
    """Cost, for each of both factors, as much as the product itself; the bias is a sum."""
    own, bias = 2 * step.output.size * _summed_over(step), needs[2:3] == (True,)
    return own * sum(needs[:2]) + bias * step.output.size


def _summed_over(step: Step) -> int:
    if step.op != "conv2d":
        return step.inputs[0].shape[-1]
    kernels = step.inputs[1]
    return kernels.size // (kernels.shape[0] or 1)


def loss(of_predictions: int, of_targets: int) -> Formula:
    """Cost so many for each element of the predictions, and of the targets if they need a gradient."""
    return lambda step, needs: step.inputs[0].size * (of_predictions * needs[0] + of_targets * needs[1])


def cross_entropy(step: Step, needs: Sequence[bool]) -> int:
    """Cost a quotient and a product for each logit, a difference for each row."""
    logits, targets = step.inputs
    return needs[0] * (2 * logits.size + targets.size)


def look_up(step: Step, needs: Sequence[bool]) -> int:
    """Cost an addition for each number that was taken."""
    return needs[0] * step.output.size


def gather(step: Step, needs: Sequence[bool]) -> int:
    """Cost nothing for a plain slice, else as a look-up does."""
    return 0 if is_basic(step.options["key"]) else look_up(step, needs)


def layer_norm(step: Step, needs: Sequence[bool]) -> int:
    """Cost 10 for each element of x and 3 for each row, 2 for each element for gamma and 1 for beta.

    Of an element of x: centred, scaled, times gamma, two for the part along `centred` and two for the mean, a product
    and two differences.
    """
    x = step.inputs[0]
    rows = x.size // x.shape[-1]
    return needs[0] * (10 * x.size + 3 * rows) + x.size * (2 * needs[1] + needs[2])


def batch_norm(step: Step, needs: Sequence[bool]) -> int:
    """Cost a product for each element with fixed moments, else four; 3 for gamma and a sum for beta."""
    of_x = 1 if step.options.get("mean") is not None else 4
    return step.inputs[0].size * (of_x * needs[0] + 3 * needs[1] + needs[2])


def pool(flops: int) -> Formula:
    """Cost `flops` for each element of each window."""

    def formula(step: Step, needs: Sequence[bool]) -> int:
        kernel = step.options["kernel_size"]
        window = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
        return needs[0] * flops * step.output.size * window

    return formula


def attention(step: Step, needs: Sequence[bool]) -> int:
    """Cost four products over all pairs, two operations a pair, and what goes with queries and keys.

    Of a pair: the slope of its weight, `2 E`, less its row's share, times its odds; its parts of the gradients of a
    query and a key, `2 D` each, and of a value, `2 E`. Of a result: its quotient, and a product and a sum with its
    gradient. Of queries and keys: the scale.
    """
    queries, keys, values = step.inputs
    width, value_width = queries.shape[-1], values.shape[-1]
    flops = _pairs(step) * (4 * width + 4 * value_width + 2) + 3 * step.output.size + queries.size + keys.size
    return flops * any(needs)


def attention_weights(step: Step, needs: Sequence[bool]) -> int:
    """Cost two products over all pairs, and five operations a pair."""
    return any(needs) * step.output.size * (4 * step.inputs[0].shape[-1] + 5)


def _pairs(step: Step) -> int:
    queries, keys = step.inputs[0].shape[-2], step.inputs[1].shape[-2]
    leading = int(np.prod(step.output.shape[:-2], dtype=np.int64))
    hidden = queries * (queries - 1) // 2 if step.options.get("causal") else 0
    return leading * (queries * keys - hidden)


def _repeated(flops: Sequence[int], count: int) -> list[int]:
    return [flops[min(position, len(flops) - 1)] for position in range(count)]


FREE = each(0)

BACKWARD: dict[str, Formula] = {
    "abs": each(2),  # the sign, the product
    "add": FREE,
    "astype": FREE,
    "attention": attention,
    "attention_weights": attention_weights,
    "avg_pool2d": pool(1),
    "batch_norm": batch_norm,
    "bce": loss(6, 3),  # p - t, 1 - p, two products, g, the quotient; the difference of logs, g, the quotient
    "broadcast_to": each(1),
    "clip": each(2),  # compared, the product
    "concatenate": FREE,
    "conv2d": products,
    "cross_entropy": cross_entropy,
    "div": each(1, 4),  # the quotient; its sign, times a, b², the quotient
    "dropout": each(1),
    "embedding": look_up,
    "exp": each(1),
    "gelu": each(16),  # the gate again, 7; its slope, 8; times g
    "layer_norm": layer_norm,
    "linear": products,
    "log": each(1),
    "log_softmax": each(4),  # exp, sum, product, difference
    "matmul": products,
    "max": each_input(3, 1),  # compared, counted, the product; the share
    "max_pool2d": pool(2),  # compared, the product
    "maximum": each(5),  # twice compared, their sum, its half, the product
    "mean": each(1),
    "min": each_input(3, 1),
    "minimum": each(5),
    "mse": loss(2, 3),
    "mul": each(1),
    "neg": each(1),
    "permute": FREE,
    "pow": each(5, 4),  # b - 1, the power, two products, compared; log, two products, compared
    "relu": each(2),  # compared, the product
    "reshape": FREE,
    "sigmoid": each(3),  # g s (1 - s)
    "slice": gather,
    "softmax": each(4),  # product, sum, product, difference
    "sqrt": each(2),  # twice the root, the quotient
    "stack": FREE,
    "sub": each(0, 1),
    "sum": FREE,
    "tanh": each(3),  # y², 1 - y², times g
    "transpose": FREE,
    "where": each(1),
}
SUMMED = {"add", "sub", "mul", "div", "pow", "maximum", "minimum", "where"}


def backward_flops(step: Step, needs: Sequence[bool]) -> int:
    """Count what the rules of those operands cost that need a gradient.

    Raises:
        StateError: If the op has no entry in `BACKWARD`.
    """
    if not any(needs):
        return 0
    if step.op not in BACKWARD:
        raise StateError(explain("the cost of a backward rule", f"in BACKWARD of {HOME}", f"none for {step.op}"))
    return BACKWARD[step.op](step, needs) + _broadcast(step, needs)


def _broadcast(step: Step, needs: Sequence[bool]) -> int:
    """Count the sums over what operands were broadcast along."""
    if step.op not in SUMMED:
        return 0
    stretched = [needed and value.shape != step.output.shape for value, needed in zip(step.inputs, needs, strict=True)]
    return step.output.size * sum(stretched)
