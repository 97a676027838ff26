"""A model's forward and backward pass, one op at a time, each under the clock.

An op runs here as it does in the model: on tensors, through its checks, and what nobody needs any more is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.autograd import Function, no_grad
from tinytorch.core.ops import OPS
from tinytorch.core.tensor import Tensor
from tinytorch.perf.graph import Graph
from tinytorch.perf.profiling.turns import Spans, Stopwatch
from tinytorch.perf.tracing import Step, Value

__all__ = ["BackwardPass", "ForwardPass", "needs_of"]

Needs = list[tuple[bool, ...]]
SEED = 0


class ForwardPass:
    """The steps of a graph on one set of inputs, without gradients.

    Args:
        graph: What is done.
        inputs: A tensor for each of its inputs.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Tensor]) -> None:
        self._given = dict(zip(graph.inputs, inputs, strict=True))
        self._given |= {value: _stored(value) for value in graph.operands() if value.data is not None}
        self._steps = list(zip(graph.steps, map(_call_of, graph.steps), _last_uses(graph), strict=True))

    def __call__(self, watch: Stopwatch) -> Spans:
        """Do all steps, and time each."""
        spans: Spans = []
        with no_grad():
            for call, operands, keep in self.calls():
                spans.append(watch.time(lambda: keep(call(*operands))))  # noqa: B023  called before the next turn
        return spans

    def calls(self) -> Iterator[tuple[Callable[..., Tensor], list[Tensor], Callable[[Tensor], None]]]:
        """Give each step as a function, its operands, and what is to be told its result before the next step."""
        found = dict(self._given)
        for step, call, idle in self._steps:
            yield call, [found[value] for value in step.inputs], partial(found.__setitem__, step.output)
            for value in idle:
                del found[value]


class BackwardPass:
    """The rules of a graph's steps in reverse, each on a gradient of its own that stays the same.

    Args:
        graph: What is done forwards.
        inputs: A tensor for each of its inputs.
        needs: For each step, which operands need a gradient.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Tensor], needs: Needs) -> None:
        random = np.random.default_rng(SEED)
        self._nodes: list[tuple[Function, Any] | None] = []
        forward = ForwardPass(graph, inputs)
        for needed, (call, operands, keep) in zip(needs, forward.calls(), strict=True):
            result = _recorded(call, operands, needed)
            keep(result.detach())
            node = result._grad_fn  # noqa: SLF001  the node is what is timed
            gradient = random.standard_normal(result.shape).astype(result.dtype) if node else None
            self._nodes.append((node, gradient) if node else None)

    def __call__(self, watch: Stopwatch) -> Spans:
        """Run the rules from the last step to the first, and time each; in the order of the steps that have one."""
        spans = [watch.time(partial(node.apply, gradient)) for node, gradient in reversed(self.pairs)]
        return spans[::-1]

    @property
    def pairs(self) -> list[tuple[Function, Any]]:
        """The nodes that there are, each with a gradient of its result."""
        return [pair for pair in self._nodes if pair]

    @property
    def steps(self) -> list[int]:
        """The numbers of the steps that have a rule to run."""
        return [number for number, pair in enumerate(self._nodes) if pair]


def needs_of(graph: Graph, trained: Collection[int]) -> Needs:
    """Say for each step which of its operands need a gradient.

    Args:
        graph: The steps.
        trained: The `id` of each array that is trained. If a step uses none of them, the inputs count as such.
    """
    known = {value: id(value.data) in trained for value in graph.operands() if value.data is not None}
    for value in graph.inputs:
        known[value] = not any(known.values()) and value.dtype.kind == "f"
    needs: Needs = []
    for step in graph.steps:
        leaves_gradient = step.op in OPS and step.output.dtype.kind == "f"
        needs.append(tuple(known[value] and leaves_gradient for value in step.inputs))
        known[step.output] = any(needs[-1])
    return needs


def _recorded(call: Callable[..., Tensor], operands: Sequence[Tensor], needed: Sequence[bool]) -> Tensor:
    """Do a step on tensors of its own, of which some need a gradient."""
    copies = []
    for operand, needs in zip(operands, needed, strict=True):
        own = object.__new__(Tensor)
        own.data, own.requires_grad = operand.data, needs
        copies.append(own)
    return call(*copies)


def _call_of(step: Step) -> Callable[..., Tensor]:
    if step.op in OPS:
        return partial(OPS[step.op].call, **step.options)

    def call(*operands: Tensor) -> Tensor:
        out = object.__new__(Tensor)
        out.data = step.compute(*(operand.data for operand in operands))
        return out

    return call


def _stored(value: Value) -> Tensor:
    """Make a tensor of a parameter or a constant; a number stays one inside it, as ops have it."""
    out = object.__new__(Tensor)
    out.data = value.data
    return out


def _last_uses(graph: Graph) -> list[list[Value]]:
    """For each step, list the results that nobody uses after it."""
    last: dict[Value, int] = {}
    for number, step in enumerate(graph.steps):
        last[step.output] = number
        last.update({value: number for value in step.inputs if value.kind == "step"})
    idle: list[list[Value]] = [[] for _ in graph.steps]
    for value, number in last.items():
        if value not in graph.outputs:
            idle[number].append(value)
    return idle
