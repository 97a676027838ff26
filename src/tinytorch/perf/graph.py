"""The graph of a model: what it does to arrays, in order, recorded once and read by all that follows.

`trace` calls a model on an example whose tensors write down every op that is done to them. What is left is a list of
steps with shapes, kinds of numbers and parameters, and no Python: `compile` makes a plan of it, `count_flops` sums it.

A graph is of one path through the model. Whatever would choose the path by the data, or carry numbers past the ops,
reads a traced tensor's data, and is refused there. What cannot be seen that way is found afterwards: the graph must
give what the model gives, on the example and on a second one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import layers_of
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError, ShapeError, StateError, explain
from tinytorch.perf.tracing import Recording, Step, Value

__all__ = ["Graph", "Step", "Value", "trace"]

Array = NDArray[Any]

RTOL = 1e-5
ATOL = 1e-6
LONGEST_OPTION = 40
COLUMNS = ("step", "op", "inputs", "options", "shape", "dtype")


@dataclass(frozen=True, eq=False)
class Graph:
    """What a model does to inputs of certain shapes.

    Attributes:
        inputs: What is given to the model, in order.
        steps: The ops, in order; each uses only what stands before it.
        outputs: What the model returns.
        returns_one: Whether the model returns a tensor by itself, not in a tuple or a list.

    Example:
        >>> from tinytorch.core.layers import Linear, Sequential
        >>> from tinytorch.core.activations import ReLU
        >>> print(trace(Sequential(Linear(4, 8), ReLU(), Linear(8, 2)), Tensor([[1.0, 2.0, 3.0, 4.0]])))
        x0: (1, 4) float32
        step  op      inputs                               options  shape   dtype
        t0    linear  x0, layers.0.weight, layers.0.bias            (1, 8)  float32
        t1    relu    t0                                            (1, 8)  float32
        t2    linear  t1, layers.2.weight, layers.2.bias            (1, 2)  float32
        returns t2
    """

    inputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Value, ...]
    returns_one: bool = True

    @property
    def parameters(self) -> tuple[Value, ...]:
        """What the steps use of the model's own, each once, in the order of use."""
        return tuple(value for value in self.operands() if value.kind == "parameter")

    @property
    def constants(self) -> tuple[Value, ...]:
        """All other numbers that the steps use, each once, in the order of use."""
        return tuple(value for value in self.operands() if value.kind == "constant")

    def operands(self) -> Iterator[Value]:
        """Give everything that a step uses or the model returns, each once, in the order of use."""
        used = [value for step in self.steps for value in step.inputs]
        return iter(dict.fromkeys([*used, *self.outputs]))

    def run(self, *arrays: Any) -> tuple[Array, ...]:
        """Do the steps, one op at a time, with the parameters as they are now in the arrays that were traced.

        Args:
            arrays: One for each input, of its shape.

        Returns:
            One array for each output.

        Raises:
            ShapeError: If an array is missing, or its shape is another one.
        """
        _require_shapes(self.inputs, arrays)
        found: dict[Value, Any] = dict(zip(self.inputs, arrays, strict=True))
        for step in self.steps:
            operands = [found.get(value, value.data) for value in step.inputs]
            found[step.output] = np.asarray(step.compute(*operands))
        return tuple(found.get(value, value.data) for value in self.outputs)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        heads = [f"{value.name}: {value.shape} {value.dtype}" for value in self.inputs]
        rows = [COLUMNS, *map(_row, self.steps)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*heads, *lines, f"returns {', '.join(value.name for value in self.outputs)}"])


def _row(step: Step) -> tuple[str, ...]:
    inputs = ", ".join(value.name for value in step.inputs)
    options = ", ".join(f"{name}={_shown(value)}" for name, value in step.options.items())
    return step.output.name, step.op, inputs, options, str(step.output.shape), str(step.output.dtype)


def _shown(option: Any) -> str:
    if isinstance(option, np.ndarray):
        return f"{option.dtype}{option.shape}"
    text = repr(option)
    return text if len(text) <= LONGEST_OPTION else text[: LONGEST_OPTION - 1] + "…"


def trace(model: Any, *example: Any, check_on: Sequence[Any] | None = None) -> Graph:
    """Record what a model does, by calling it on an example.

    The model runs in inference mode, without a graph for gradients; each layer's own mode is put back afterwards. It
    runs twice more, to compare: on the example, and on a second one.

    Args:
        model: Anything with `forward`, or a function of tensors, that returns a tensor, or a tuple or list of them.
        example: Its inputs: tensors, or what `Tensor` takes. The graph is of their shapes.
        check_on: The inputs of the second run; the elements of the first in reverse order unless given.

    Raises:
        StateError: If the model reads the data of a tensor (`.data`, `item()`, `if tensor:`, `print`), draws random
            numbers, or gives other results than its graph.
        DTypeError: If the model is no function, or does not return tensors.

    Example:
        >>> graph = trace(lambda x: x * x + 1, Tensor([1.0, 2.0]))
        >>> [step.op for step in graph.steps], graph.run(np.float32([3, 4]))[0].tolist()
        (['mul', 'add'], [10.0, 17.0])
    """
    forward = _function(model)
    given = tuple(x if type(x) is Tensor else Tensor(x) for x in example)
    with inference(model), no_grad():
        graph = _record(model, forward, given)
        _require_no_chance(graph)
        for inputs in (given, _second(given, check_on)):
            _require_same_results(graph, forward, inputs)
    return graph


def _function(model: Any) -> Callable[..., Any]:
    forward = getattr(model, "forward", model)
    if not callable(forward):
        remedy = "Give it a method forward(x)."
        raise DTypeError(explain("the model", "a function, or have forward", type(model).__name__, remedy=remedy))
    return forward


def _record(model: Any, forward: Callable[..., Any], given: tuple[Tensor, ...]) -> Graph:
    recording = Recording(_names(model))
    traced = [recording.take(x.data, position) for position, x in enumerate(given)]
    returned = forward(*traced)
    outputs = tuple(recording.value_of(x) for x in _as_tensors(returned))
    inputs = tuple(x.value for x in traced)
    return Graph(inputs, tuple(recording.steps), outputs, returns_one=isinstance(returned, Tensor))


def _names(model: Any) -> dict[int, str]:
    """Name the arrays of a model, by the address of each: layers say theirs, other objects are looked into."""
    owner = getattr(model, "__self__", model)  # a bound method's model
    found: dict[int, str] = {}
    for name, tensor in _named(owner, "", seen=set()):
        found.setdefault(id(tensor), name)
    return found


def _named(holder: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Array]]:
    if id(holder) in seen:
        return
    seen.add(id(holder))
    if isinstance(holder, list | tuple | dict):
        items: Iterable[tuple[Any, Any]] = holder.items() if isinstance(holder, dict) else enumerate(holder)
    else:
        items = getattr(holder, "__dict__", {}).items()
    for key, value in items:
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value.data
        elif isinstance(value, np.ndarray):
            yield f"{prefix}{key}", value
        elif isinstance(value, list | tuple | dict) or hasattr(value, "forward"):
            yield from _named(value, f"{prefix}{key}.", seen)


def _as_tensors(returned: Any) -> tuple[Tensor, ...]:
    found = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    wrong = [type(x).__name__ for x in found if not isinstance(x, Tensor)]
    if wrong or not found:
        rule = "a tensor, or a tuple or list of tensors"
        raise DTypeError(explain("what the model returns", rule, ", ".join(wrong) or "an empty tuple"))
    return found


@contextmanager
def inference(model: Any) -> Iterator[None]:
    """Switch a model and all layers in it to inference inside the block, and each back to its own mode after it."""
    owner = getattr(model, "__self__", model)
    holders = {id(layer): vars(layer) for layer in layers_of(owner)}
    if "training" in getattr(owner, "__dict__", {}):
        holders[id(owner)] = vars(owner)
    before = [(state, state.get("training")) for state in holders.values()]
    try:
        for state, _ in before:
            state["training"] = False
        yield
    finally:
        for state, mode in before:
            state.pop("training") if mode is None else state.update(training=mode)


def _second(given: tuple[Tensor, ...], check_on: Sequence[Any] | None) -> tuple[Tensor, ...]:
    """Make other inputs of the same elements, which are as lawful as those of the first: ids stay ids."""
    if check_on is None:
        return tuple(Tensor(x.data.ravel()[::-1].reshape(x.shape), dtype=x.dtype) for x in given)
    second = tuple(x if type(x) is Tensor else Tensor(x) for x in check_on)
    if [x.shape for x in second] != [x.shape for x in given]:
        got = f"{[x.shape for x in second]} beside {[x.shape for x in given]}"
        raise ShapeError(explain("check_on", "of the example's shapes", got))
    return second


def _require_no_chance(graph: Graph) -> None:
    for step in graph.steps:
        if step.op == "dropout" and step.options["p"] > 0:
            remedy = "Call model.eval(), or leave out training=True."
            got = f"dropout with p = {step.options['p']}"
            raise StateError(
                explain("a traced model", "the same at every call", got, at=step.output.name, remedy=remedy)
            )


def _require_same_results(graph: Graph, forward: Callable[..., Any], inputs: tuple[Tensor, ...]) -> None:
    found = graph.run(*(x.data for x in inputs))
    expected = [x.data for x in _as_tensors(forward(*inputs))]
    for position, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        if not _agree(np.asarray(mine), theirs):
            rule = "those of its graph at every call, for all data of these shapes"
            remedy = "Compute with ops on tensors only: no random numbers, no state, no branch on data."
            raise StateError(explain("the model's results", rule, f"others in output {position}", remedy=remedy))


def _agree(mine: Array, theirs: Array) -> bool:
    same_kind = mine.shape == theirs.shape and mine.dtype == theirs.dtype
    return same_kind and np.allclose(mine, theirs, rtol=RTOL, atol=ATOL, equal_nan=True)


def _require_shapes(inputs: Sequence[Value], arrays: Sequence[Any]) -> None:
    wanted, given = [value.shape for value in inputs], [np.shape(array) for array in arrays]
    if wanted != given:
        remedy = "Trace the model again for other shapes."
        raise ShapeError(explain("the inputs of the graph", f"of the shapes {wanted}", given, remedy=remedy))
