"""What makes a function on arrays an op on tensors.

A function decorated with `@op` takes arrays (positional), options (keyword-only), and returns its value and one
backprop rule per array: a function from the gradient of the value to the gradient of that array, or None where there is
none. A rule runs only if its input requires grad, so nothing is computed for nobody. It returns `g`, a view of it, or
a new array; it may leave broadcast axes in, which are summed here, for all ops alike.

A lower floor may put a compiled twin in the place of an op's function, by `Op.use`. What changes is the content of the
cell that the call on tensors closes over: nothing is looked up, so ops pay nothing for it, twin or none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import Function, births, mode, used_graph
from tinytorch.errors import DTypeError, ShapeError, TinyTorchError, explain

if TYPE_CHECKING:
    from tinytorch.core.tensor import Tensor

__all__ = [
    "NODES",
    "OPS",
    "RECORDERS",
    "Array",
    "Op",
    "Recorder",
    "Rule",
    "Rules",
    "Value",
    "as_operand",
    "on_tensors",
    "op",
    "together",
]

Array = NDArray[Any]
Rule = Callable[[Array], Array]
Rules = tuple[Rule | None, ...]
Value = tuple[Any, Rules]  # an array, or the NumPy scalar a reduction gives

Call = Callable[..., "Tensor"]
new: Callable[..., Any] = object.__new__
ndarray = np.ndarray  # one look-up less on the path of every op
tensor_type: type[Any] = object


@dataclass(frozen=True, slots=True)
class Op:
    """One entry of the list of ops.

    Attributes:
        run: The function on arrays, as it was written; it defines the op.
        call: The same on tensors; records a node.
        node: The class of that node.
        place: Where `call` finds its function on arrays.
    """

    run: Callable[..., Value]
    call: Call
    node: type[OpNode]
    place: CellType

    @property
    def in_force(self) -> Callable[..., Value]:
        """The function on arrays that `call` runs: `run`, or a twin of it."""
        return cast("Callable[..., Value]", self.place.cell_contents)

    def use(self, run: Callable[..., Value]) -> None:
        """Let `call` run another function on arrays, in all threads: one that gives what `run` gives, only faster.

        Graphs that are recorded, traced graphs and nodes made by hand keep the function that they have.
        """
        self.place.cell_contents = run


ARRAY_OPTIONS = {"condition", "key", "mask", "mean"}  # elsewhere, an array after the inputs is no option

OPS: dict[str, Op] = {}
NODES: dict[str, type[Function]] = {}

# Ops on tensors of these kinds are handed over: the op's function on arrays, its inputs as given, and its options.
# Looked at off the path of plain tensors only, so that nobody pays for it who traces nothing.
Recorder = Callable[[Callable[..., Value], tuple[Any, ...], dict[str, Any]], Any]
RECORDERS: dict[type[Any], Recorder] = {}


def op(name: str) -> Callable[[Callable[..., Value]], Call]:
    """List a function on arrays as an op, whose nodes are of a class `<name>Backward`."""

    def register(run: Callable[..., Value]) -> Call:
        call, node = _on_tensors(name, run)
        OPS[run.__name__] = Op(run, call, node, _place(call))
        NODES[node.__name__] = node
        return call

    return register


def on_tensors(name: str) -> Callable[[Callable[..., Value]], Call]:
    """Make a function on tensors of one on arrays, as `op` does, but of one that is no op of the framework."""
    return lambda run: _on_tensors(name, run)[0]


def _on_tensors(name: str, run: Callable[..., Value]) -> tuple[Call, type[OpNode]]:
    node = type(f"{name}Backward", (OpNode,), {"run": staticmethod(run), "__doc__": run.__doc__})
    call = _wrapper(run)(run, node)
    update_wrapper(call, run)
    return call, node


def _place(call: Call) -> CellType:
    """Find the cell that holds what a call on tensors runs."""
    function = cast("FunctionType", call)
    return (function.__closure__ or ())[function.__code__.co_freevars.index("run")]


def together(backprop: Callable[[Array], tuple[Array, ...]], count: int) -> Rules:
    """Make rules of a function that finds the gradients of all inputs at once: the first rule asked runs it."""
    parts: dict[int, Array] = {}
    source: list[Array] = []

    def rule(index: int, g: Array) -> Array:
        if index not in parts or source[0] is not g:
            source[:] = [g]
            parts.update(enumerate(backprop(g)))
        return parts.pop(index)

    return tuple(partial(rule, index) for index in range(count))


def register_tensor(tensor: type[Tensor]) -> None:
    """Say what ops return; `tensor.py`, which imports the ops, cannot be imported here."""
    global tensor_type  # noqa: PLW0603  set once, while `tinytorch.core` is imported
    tensor_type = tensor


class OpNode(Function):
    """The node of an op. By hand: its arrays or tensors, then its options in the order of the op's signature."""

    run: Callable[..., Value]
    rules: Rules | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        arity = _arity(self.run) or len(arguments)
        inputs = tuple(value for value in arguments[:arity] if value is not None)  # such as no bias
        super().__init__(*inputs)
        names = _option_names(self.run)
        given = arguments[arity:]
        if given and isinstance(given[0], tensor_type | ndarray) and not ARRAY_OPTIONS & set(names):
            given = given[1:]  # the op's own result, as in SoftmaxBackward(x, out, dim)
        options.update(zip(names, given, strict=False))
        self.rules = self.run(*(_array(value) for value in inputs), **options)[1]

    def apply(self, grad_output: Array) -> tuple[Array | None, ...]:
        if self.rules is None:
            raise used_graph()
        return tuple(
            None if rule is None or not _wants_gradient(x) else _fitted(rule(grad_output), x)
            for x, rule in zip(self.saved_tensors, self.rules, strict=True)
        )

    def release(self) -> None:
        self.saved_tensors, self.rules = (), None


def _wants_gradient(x: Any) -> bool:
    return x.requires_grad if isinstance(x, tensor_type) else isinstance(x, np.ndarray)  # an array: a node made by hand


def _array(value: Any) -> Any:
    return value.data if isinstance(value, tensor_type) else value


def _fitted(gradient: Array, x: Any) -> Array:
    """Sum a gradient over the axes along which its input was broadcast, and give it the input's kind of float."""
    array = x.data if type(x) is tensor_type else x
    if gradient.shape != array.shape:
        gradient = _unbroadcast(gradient, array.shape)
    if gradient.dtype is not array.dtype and array.dtype.kind == "f":
        gradient = gradient.astype(array.dtype, copy=False)
    return gradient


def _unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    extra = gradient.ndim - len(shape)
    stretched = [extra + axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[extra + axis] != 1]
    summed = gradient.sum(axis=(*range(extra), *stretched))
    return np.asarray(summed).reshape(shape)


def _arity(run: Callable[..., Value]) -> int | None:
    """Count the arrays an op takes; None for any number."""
    kinds = [parameter.kind for parameter in inspect.signature(run).parameters.values()]
    variadic = inspect.Parameter.VAR_POSITIONAL in kinds
    return None if variadic else kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _option_names(run: Callable[..., Value]) -> list[str]:
    return [p.name for p in inspect.signature(run).parameters.values() if p.kind is p.KEYWORD_ONLY]


# One wrapper for any number of inputs would do. Two are written out because they are on the path of every small
# model's latency: without them the forward pass of a 10-20-3 network takes a seventh longer.


def _unary(run: Callable[..., Value], node: type[OpNode]) -> Call:
    def call(x: Any, **options: Any) -> Tensor:
        if type(x) is not tensor_type:
            if type(x) in RECORDERS:
                return RECORDERS[type(x)](node.run, (x,), options)
            x = x if isinstance(x, tensor_type) else tensor_type(x)
        try:
            value, rules = run(x.data, **options) if options else run(x.data)
        except ValueError as error:
            raise _explained(error, node, (x,)) from error
        out = new(tensor_type)
        out.data = value if type(value) is ndarray else np.asarray(value)
        if x.requires_grad and mode.recording:
            _attach(out, node, (x,), rules)
        return out

    return call


def _ternary(run: Callable[..., Value], node: type[OpNode]) -> Call:
    def call(x: Any, y: Any, z: Any) -> Tensor:
        if not type(x) is type(y) is type(z) is tensor_type:
            if (record := _recorder((x, y, z))) is not None:
                return record(node.run, (x, y, z), {})
            x, y, z = _operands((x, y, z))
        try:
            value, rules = run(x.data, y.data, z.data)
        except ValueError as error:
            raise _explained(error, node, (x, y, z)) from error
        out = new(tensor_type)
        out.data = value if type(value) is ndarray else np.asarray(value)
        if mode.recording and (x.requires_grad or y.requires_grad or z.requires_grad):
            _attach(out, node, (x, y, z), rules)
        return out

    return call


def _nary(run: Callable[..., Value], node: type[OpNode]) -> Call:
    def call(*inputs: Any, **options: Any) -> Tensor:
        for x in inputs:
            if type(x) is not tensor_type:
                if (record := _recorder(inputs)) is not None:
                    return record(node.run, inputs, options)
                inputs = _operands(inputs)
                break
        try:
            value, rules = run(*[x.data for x in inputs], **options)
        except ValueError as error:
            raise _explained(error, node, inputs) from error
        out = new(tensor_type)
        out.data = value if type(value) is ndarray else np.asarray(value)
        if mode.recording and any(x.requires_grad for x in inputs):
            _attach(out, node, inputs, rules)
        return out

    return call


def _recorder(inputs: tuple[Any, ...]) -> Recorder | None:
    for x in inputs:
        if type(x) in RECORDERS:
            return RECORDERS[type(x)]
    return None


def _operands(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    kind = next((x.data.dtype for x in inputs if isinstance(x, tensor_type)), None)
    return tuple(as_operand(x, kind) for x in inputs)


def as_operand(x: Any, kind: np.dtype[Any] | None) -> Any:
    """Make a tensor of `x`; a number stays one inside it, so that it never decides the kind of float."""
    if isinstance(x, tensor_type):
        return x
    if isinstance(x, bool | int | float | np.bool_ | np.integer | np.floating):
        number = new(tensor_type)
        number.data = x.item() if isinstance(x, np.generic) else x
        return number
    if isinstance(x, np.ndarray) and kind is not None and kind.kind != "f":
        return tensor_type(x, dtype=x.dtype)  # beside whole numbers, halves stay halves
    if isinstance(x, np.ndarray | list | tuple):
        return tensor_type(x, dtype=kind)
    rule = "a Tensor, an array or a number"
    raise DTypeError(explain("an operand", rule, type(x).__name__, remedy="Wrap the values in Tensor(...)."))


def _explained(error: ValueError, node: type[OpNode], inputs: tuple[Any, ...]) -> Exception:
    """Name the op and the shapes; NumPy's own message says what does not fit."""
    if isinstance(error, TinyTorchError):
        return error
    shapes = " and ".join(str(np.shape(x.data)) for x in inputs)
    return ShapeError(explain(f"the input of {node.run.__name__}", "of shapes that fit", shapes, remedy=f"{error}."))


def _wrapper(run: Callable[..., Value]) -> Callable[[Callable[..., Value], type[OpNode]], Call]:
    if _arity(run) == 1:
        return _unary
    return _ternary if _arity(run) == 3 and not _option_names(run) else _nary


def _attach(out: Tensor, kind: type[OpNode], inputs: tuple[Any, ...], rules: Rules) -> None:
    node = new(kind)
    node.saved_tensors = inputs
    node.rules = rules
    node.order = next(births)
    out.requires_grad = True
    out._grad_fn = node
