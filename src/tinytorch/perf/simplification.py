"""Graphs made shorter without changing what they give: each pass takes a graph and returns another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tinytorch.perf.graph import Graph, Step, Value

__all__ = ["PASSES", "simplify"]

EPS = 1e-5  # of `batch_norm`, where it is left out

Pass = Callable[[Graph], Graph]
Found = dict[Value, Value]


def simplify(graph: Graph) -> Graph:
    """Apply all passes, in their order, until none finds anything.

    Example:
        >>> from tinytorch.perf.graph import trace
        >>> graph = trace(lambda x: x.reshape(4).reshape(2, 2).transpose().transpose() + 1, np.ones((2, 2)))
        >>> [step.op for step in simplify(graph).steps]
        ['add']
    """
    steps = -1
    while steps != len(graph):
        steps = len(graph)
        for each in PASSES:
            graph = each(graph)
    return graph


def merge_reshapes(graph: Graph) -> Graph:
    """Let a reshape of a reshape start from the first one's operand."""
    return _merged(graph, "reshape", lambda _, second: {"shape": second.output.shape})


def merge_transposes(graph: Graph) -> Graph:
    """Make all changes of the order of axes a permute, and one of two that follow each other."""
    steps = [_as_permute(step) for step in graph.steps]
    return _merged(replace(graph, steps=tuple(steps)), "permute", _composed)


def _as_permute(step: Step) -> Step:
    if step.op not in {"transpose", "permute"}:
        return step
    rank = len(step.output.shape)
    if step.op == "permute":
        axes = [axis % rank for axis in step.options["axes"]]
    else:
        axes = list(range(rank))
        first, second = step.options.get("dim0", -2), step.options.get("dim1", -1)
        axes[first], axes[second] = axes[second], axes[first]
    return replace(step, op="permute", options={"axes": tuple(axes)})


def _composed(first: Step, second: Step) -> dict[str, Any]:
    return {"axes": tuple(first.options["axes"][axis] for axis in second.options["axes"])}


def _merged(graph: Graph, op: str, options: Callable[[Step, Step], dict[str, Any]]) -> Graph:
    made: dict[Value, Step] = {}
    for step in graph.steps:
        before = made.get(step.inputs[0]) if step.inputs else None
        if step.op == op and before is not None and before.op == op:
            step = replace(step, inputs=before.inputs, options=options(before, step))  # noqa: PLW2901  the merged one
        made[step.output] = step
    return replace(graph, steps=tuple(made.values()))


def drop_idle_steps(graph: Graph) -> Graph:
    """Leave out steps that give their operand as it came."""
    same: Found = {}
    kept = []
    for step in graph.steps:
        moved = replace(step, inputs=tuple(same.get(value, value) for value in step.inputs))
        if _is_idle(moved):
            same[step.output] = moved.inputs[0]
        else:
            kept.append(moved)
    return replace(graph, steps=tuple(kept), outputs=tuple(same.get(value, value) for value in graph.outputs))


def _is_idle(step: Step) -> bool:
    if len(step.inputs) != 1 or not _alike(step.inputs[0], step.output):
        return False
    if step.op == "permute":
        return tuple(step.options["axes"]) == tuple(range(len(step.output.shape)))
    if step.op == "clip":
        return all(limit is None for limit in step.options.values())
    return step.op in {"reshape", "astype", "broadcast_to", "dropout", "concatenate"}  # of the same shape and kind


def _alike(a: Value, b: Value) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def join_bias(graph: Graph) -> Graph:
    """Make a linear step of a product with a matrix and a row that is added to it."""
    uses = count_uses(graph)
    made: dict[Value, Step] = {}
    for step in graph.steps:
        found = _biased(step, made, uses)
        made[step.output] = step if found is None else replace(step, op="linear", inputs=found, options={})
    return replace(graph, steps=tuple(made.values()))


def _biased(step: Step, made: dict[Value, Step], uses: dict[Value, int]) -> tuple[Value, ...] | None:
    if step.op != "add":
        return None
    for product, bias in (step.inputs, step.inputs[::-1]):
        before = made.get(product)
        if before is None or before.op != "matmul" or uses[product] != 1 or not before.inputs[0].shape:
            continue
        weight = before.inputs[1]
        fits = len(weight.shape) == 2 and bias.shape == weight.shape[1:] and _is_fixed(weight) and _is_fixed(bias)
        if fits and step.output.shape == product.shape and product.dtype == step.output.dtype:
            return (*before.inputs, bias)
    return None


def _is_fixed(value: Value) -> bool:
    return isinstance(value.data, np.ndarray)


def fold_batch_norm(graph: Graph) -> Graph:
    """Put a batch normalization with fixed moments into the weights of the convolution or linear step before it."""
    uses = count_uses(graph)
    made: dict[Value, Step] = {}
    for step in graph.steps:
        before = made.get(step.inputs[0]) if step.op == "batch_norm" else None
        fits = before is not None and uses[before.output] == 1 and _is_foldable(before) and _has_fixed_moments(step)
        made[step.output] = _folded(before, step) if before is not None and fits else step
    return replace(graph, steps=tuple(made.values()))


def _is_foldable(step: Step) -> bool:
    """Channels are the second axis of the result: of a convolution always, of a linear step on rows only."""
    if step.op == "int8_conv2d":
        return True
    right = step.op == "conv2d" or (step.op in {"linear", "matmul"} and len(step.output.shape) == 2)
    return right and len(step.inputs[1].shape) in {2, 4} and all(_is_fixed(value) for value in step.inputs[1:])


def _has_fixed_moments(step: Step) -> bool:
    return step.options.get("mean") is not None and all(_is_fixed(value) for value in step.inputs[1:])


def _folded(before: Step, norm: Step) -> Step:
    gamma, beta = norm.inputs[1].data, norm.inputs[2].data
    scale = gamma.astype(np.float64) / np.sqrt(
        norm.options["variance"].astype(np.float64) + norm.options.get("eps", EPS)
    )
    if before.op == "int8_conv2d":  # what a scale for each kernel takes up exactly
        shift = beta - norm.options["mean"] * scale
        return replace(before, options={"layer": before.options["layer"].scaled(scale, shift)}, output=norm.output)
    weight = before.inputs[1]
    bias = before.inputs[2].data if len(before.inputs) > 2 else 0.0
    moved = (bias - norm.options["mean"]) * scale + beta
    turned = scale.reshape(-1, 1, 1, 1) if before.op == "conv2d" else scale
    values = _renamed(weight, weight.data * turned), _renamed(norm.inputs[2], moved)
    op = "linear" if before.op == "matmul" else before.op
    return replace(before, op=op, inputs=(before.inputs[0], *values), output=norm.output)


def _renamed(value: Value, data: Any) -> Value:
    return replace(value, name=f"{value.name}'", shape=data.shape, data=data.astype(value.dtype))


def drop_unused_steps(graph: Graph) -> Graph:
    """Leave out steps whose result nobody takes."""
    wanted = set(graph.outputs)
    kept = []
    for step in reversed(graph.steps):
        if step.output in wanted:
            kept.append(step)
            wanted.update(step.inputs)
    return replace(graph, steps=tuple(reversed(kept)))


def count_uses(graph: Graph) -> dict[Value, int]:
    """Count how often each array is taken, by a step or by the caller."""
    found: dict[Value, int] = {}
    for value in _taken(graph):
        found[value] = found.get(value, 0) + 1
    return found


def _taken(graph: Graph) -> Iterable[Value]:
    for step in graph.steps:
        yield from step.inputs
    yield from graph.outputs


PASSES: tuple[Pass, ...] = (
    merge_reshapes,
    merge_transposes,
    drop_idle_steps,
    drop_unused_steps,
    join_bias,
    fold_batch_norm,
    drop_unused_steps,
)
