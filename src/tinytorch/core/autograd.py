"""Reverse-mode automatic differentiation, first derivatives only: the graph, the walk over it, and a numeric check.

Every op that has an input with `requires_grad` leaves a node, a `Function`, on its result. `backward` walks the nodes
from the youngest to the oldest and hands each one the whole gradient of its output. What a rule needs is held by
reference: do not change `.data` in place between an op and its `backward`.

Source:
    A. Griewank, A. Walther (2008), Evaluating Derivatives, 2nd ed., chapter 3.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DTypeError, RangeError, StateError, explain

if TYPE_CHECKING:
    from tinytorch.core.tensor import Tensor

__all__ = ["EPSILON", "Function", "backward", "enable_autograd", "gradcheck", "is_recording", "no_grad"]

EPSILON = 1e-7

Array = NDArray[Any]
births = count()


class Mode(threading.local):
    """Whether this thread records a graph."""

    recording = True


mode = Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Record no graph inside the block (or the decorated function), in this thread.

    Example:
        >>> from tinytorch import Tensor
        >>> weight = Tensor([2.0], requires_grad=True)
        >>> with no_grad():
        ...     (weight * 3).requires_grad
        False
    """
    before = mode.recording
    mode.recording = False
    try:
        yield
    finally:
        mode.recording = before


def is_recording() -> bool:
    """Say whether ops leave a graph in this thread."""
    return mode.recording


def enable_autograd(quiet: bool = False) -> None:
    """Do nothing: gradients are always there. It stands for code written when they had to be switched on."""
    del quiet


class Function:
    """One node of the graph: what was done to which tensors, and how a gradient goes back through it.

    The ops make their own nodes (`AddBackward`, `ReLUBackward`, ...). A class of your own needs `apply`, and is set as
    the `_grad_fn` of a result that requires grad.

    Attributes:
        saved_tensors: The inputs, in order; empty once the graph is freed.
        order: A number that grows from node to node: an input's node is always older than the node.
    """

    saved_tensors: tuple[Any, ...]
    order: int

    def __init__(self, *tensors: Any) -> None:
        self.saved_tensors = tensors
        self.order = next(births)

    @property
    def next_functions(self) -> list[Function | None]:
        """The nodes the inputs came from, None for an input that is a leaf."""
        return [getattr(tensor, "_grad_fn", None) for tensor in self.saved_tensors]

    def apply(self, grad_output: Array) -> tuple[Array | None, ...]:
        """Give the gradient of each input, or None where it needs none.

        Raises:
            NotImplementedError: In a class that has no rule of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} must define apply(grad_output)")

    def release(self) -> None:
        """Let go of the inputs, so that their memory can be reused."""
        self.saved_tensors = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def backward(root: Function, gradient: Array, *, retain_graph: bool = False) -> None:
    """Walk the graph from `root`, the youngest node first, and add to the `.grad` of every leaf that requires it.

    Iterative, so that the depth of the graph does not matter; each node is visited once, when its gradient is whole.
    """
    pending = {root.order: (root, gradient)}
    youngest = [-root.order]
    while youngest:
        node, gradient = pending.pop(-heappop(youngest))
        if not node.saved_tensors:
            raise used_graph()
        for tensor, part in zip(node.saved_tensors, node.apply(gradient), strict=False):
            if part is None or not getattr(tensor, "requires_grad", False):
                continue
            parent = tensor._grad_fn
            if parent is None:
                _accumulate(tensor, part, gradient)
            elif parent.order in pending:
                pending[parent.order] = (parent, pending[parent.order][1] + part)
            else:
                pending[parent.order] = (parent, part)
                heappush(youngest, -parent.order)
        if not retain_graph:
            node.release()


def _accumulate(leaf: Tensor, part: Array, incoming: Array) -> None:
    if leaf.grad is not None:
        leaf.grad = np.asarray(as_array(leaf.grad) + part)  # a sum of two arrays of shape () is none
    elif part is incoming or part.base is not None:  # someone else's memory: a leaf owns its gradient
        leaf.grad = part.copy()
    else:
        leaf.grad = np.asarray(part)


def used_graph() -> StateError:
    """Say that the graph was freed."""
    remedy = "Pass retain_graph=True to the first backward, or compute the result again."
    return StateError(explain("the graph", "there, and backward frees it", "a graph already used", remedy=remedy))


def as_array(value: Any) -> Array:
    """Give the array of a tensor, or an array as it is: users assign either to `.grad`."""
    return value if isinstance(value, np.ndarray) else np.asarray(value.data)


def gradcheck(
    function: Callable[..., Tensor],
    *inputs: Tensor,
    step: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> bool:
    """Compare the gradient of every input with central differences.

    The output is reduced to a number by fixed random weights, so that a gradient which is right only for a sum is
    found out. Costs two calls of `function` per input element.

    Args:
        function: Maps the tensors to one tensor, the same for the same values.
        inputs: Tensors of float64; those with `requires_grad` are checked. Their `.grad` is left alone.
        step: Half the distance of the two points compared.
        rtol: The error allowed in proportion to the numeric derivative.
        atol: The error allowed beside that.

    Returns:
        True; it raises otherwise.

    Raises:
        DTypeError: If an input is not float64, where a difference would say nothing.
        RangeError: If no input requires grad, or a gradient is wrong; it names the worst element.

    Example:
        >>> from tinytorch import Tensor
        >>> x = Tensor([0.5, -1.0], requires_grad=True, dtype="float64")
        >>> gradcheck(lambda x: x * x.sum(), x)
        True
    """
    _require_checkable(inputs)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, function(*inputs).shape)
    analytic = _analytic(function, inputs, weights)
    for position, (tensor, found) in enumerate(zip(inputs, analytic, strict=True)):
        if tensor.requires_grad:
            expected = _numeric(lambda: float((function(*inputs).data * weights).sum()), tensor.data, step)
            _require_close(position, found, expected, rtol, atol)
    return True


def _require_checkable(inputs: Sequence[Tensor]) -> None:
    for position, tensor in enumerate(inputs):
        if tensor.requires_grad and tensor.data.dtype != np.float64:
            remedy = "Build it with dtype='float64'."
            raise DTypeError(explain(f"input {position} of gradcheck", "float64", str(tensor.dtype), remedy=remedy))
    if not any(tensor.requires_grad for tensor in inputs):
        raise RangeError(explain("the inputs of gradcheck", "at least one that requires grad", "none"))


def _analytic(function: Callable[..., Tensor], inputs: Sequence[Tensor], weights: Array) -> list[Array]:
    before = [tensor.grad for tensor in inputs]
    try:
        for tensor in inputs:
            tensor.grad = None
        function(*inputs).backward(weights)
        return [np.zeros_like(t.data) if t.grad is None else as_array(t.grad) for t in inputs]
    finally:
        for tensor, grad in zip(inputs, before, strict=True):
            tensor.grad = grad


def _numeric(value: Callable[[], float], array: Array, step: float) -> Array:
    slope = np.empty_like(array)
    with no_grad():
        for index in np.ndindex(array.shape):
            kept = array[index]
            try:
                array[index] = kept + step
                above = value()
                array[index] = kept - step
                slope[index] = (above - value()) / (2 * step)
            finally:
                array[index] = kept
    return slope


def _require_close(position: int, found: Array, expected: Array, rtol: float, atol: float) -> None:
    if found.shape != expected.shape:
        raise RangeError(explain(f"the gradient of input {position}", f"of shape {expected.shape}", found.shape))
    wrong = ~(np.abs(found - expected) <= atol + rtol * np.abs(expected))  # NaN is wrong too
    if wrong.any():
        error = np.where(wrong, np.nan_to_num(np.abs(found - expected), nan=np.inf), -1)
        worst = np.unravel_index(int(error.argmax()), error.shape)
        rule = f"{expected[worst]:.9g} (numeric)"
        place = f"index {tuple(map(int, worst))}"
        raise RangeError(explain(f"the gradient of input {position}", rule, f"{found[worst]:.9g}", at=place))


def __getattr__(name: str) -> type[Function]:
    """Find the node class of an op, such as `MulBackward`."""
    if name.endswith("Backward"):
        from tinytorch.core.ops import NODES

        if name in NODES:
            return NODES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
