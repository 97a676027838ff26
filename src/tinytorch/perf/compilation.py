"""Models compiled: traced once for each shape of input, planned, and run without a layer in between.

A compiled model computes what the model computed when it was compiled, to 1e-5. It holds a copy of the weights: train
on, and compile again. It is for inference: no gradients, and dropout is off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, StateError, explain
from tinytorch.perf.graph import inference, trace
from tinytorch.perf.plans import Plan, make_plan
from tinytorch.perf.simplification import simplify
from tinytorch.perf.techniques import Technique

__all__ = ["COMPILE", "CompiledModel", "Stats", "compile"]

Array = NDArray[Any]
Key = tuple[Any, ...]

OTHER_SHAPES = ("compile", "eager", "refuse")
MOST_PLANS = 16
TOLERANCE = 1e-5
ROUNDING = {"int4_linear", "int8_linear", "int8_conv2d"}  # make whole numbers of what they are given
INEXACT = {"attention", "gelu", "layer_norm", "log_softmax", "sigmoid", "softmax", "tanh"}  # to the last bit
STEP = 0.02  # of the largest output: what a step of an activation changes, where a last bit decides which way it goes


@dataclass
class Stats:
    """How the calls of a compiled model went. Threads that call at once may lose a count.

    Attributes:
        planned: Calls that ran a plan.
        compiled: Plans made, the first included.
        eager: Calls that ran the model itself, as no plan was to be made for their shapes.
    """

    planned: int = 0
    compiled: int = 0
    eager: int = 0


class CompiledModel:
    """A model as plans, one for each set of input shapes.

    Call it with tensors and it gives tensors, call it with arrays and it gives arrays; each result is an array of its
    own, which later calls leave alone. Several threads may call it at once: each works in buffers that no other uses.

    Attributes:
        stats: How its calls went.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> double = Linear(1, 1)
        >>> double.weight.data[...] = 2
        >>> fast = compile(double, [[1.0]])
        >>> fast(np.float32([[3.0]])), fast(Tensor([[4.0], [5.0]])).tolist(), fast.stats
        (array([[6.]], dtype=float32), [[8.0], [10.0]], Stats(planned=2, compiled=2, eager=0))
    """

    def __init__(self, model: Any, example: tuple[Any, ...], other_shapes: str) -> None:
        self.stats = Stats()
        self._other_shapes = other_shapes
        self._model = deepcopy(model)  # what a function refers to stays shared
        self._runs: dict[Key, _Run] = {}
        self._lock = threading.Lock()
        self._example = tuple(_as_array(x).copy() for x in example)
        self._last = self._compile(self._example)
        if other_shapes == "refuse":
            self._model = None

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """Compute the output.

        Args:
            inputs: Tensors or arrays, as many as the model takes.

        Raises:
            ShapeError: If there is no plan for their shapes, and none is to be made.
        """
        x, run = inputs[0], self._last
        array = x.data if type(x) is Tensor else x
        if len(inputs) == 1 and type(array) is np.ndarray and array.shape == run.shape and array.dtype is run.dtype:
            self.stats.planned += 1
            result = run.single(array)
            if array is x:
                return result
            out = object.__new__(Tensor)
            out.data = result
            return out
        return self._general(inputs)

    def plan(self, *example: Any) -> Plan:
        """Give the plan for inputs of these shapes; the first plan, if none are given.

        Raises:
            ShapeError: If there is none.
        """
        key = _key(tuple(_as_array(x) for x in example)) if example else next(iter(self._runs))
        if key not in self._runs:
            raise ShapeError(explain("the example", "of shapes that were compiled", _shapes(key)))
        return self._runs[key].plan

    def parameters(self) -> list[Tensor]:
        """Give none: a compiled model is not trained."""
        return []

    def state_dict(self) -> dict[str, Array]:
        """Give every array that is held, in the form in which it is: those of the plans, then those of the copy."""
        found = {f"plan{n}.{m}": a for n, run in enumerate(self._runs.values()) for m, a in enumerate(run.plan.weights)}
        own = getattr(self._model, "state_dict", None)
        return found | ({f"model.{name}": array for name, array in own().items()} if callable(own) else {})

    def _general(self, inputs: tuple[Any, ...]) -> Any:
        arrays = tuple(_as_array(x) for x in inputs)
        as_tensors = any(isinstance(x, Tensor) for x in inputs)
        run = self._runs.get(_key(arrays)) or self._compile_another(arrays)
        if run is None:
            return self._eager(arrays, as_tensors=as_tensors)
        self.stats.planned += 1
        self._last = run
        results = run(*(np.ascontiguousarray(array).reshape(array.shape) for array in arrays))
        return _returned(results, one=run.plan.graph.returns_one, as_tensors=as_tensors)

    def _compile_another(self, arrays: tuple[Array, ...]) -> _Run | None:
        if self._other_shapes == "refuse":
            remedy = "Compile the model for these too, or with other_shapes='compile'."
            wanted = _shapes(next(iter(self._runs)))
            raise ShapeError(explain("the inputs", f"of the shapes {wanted}", _shapes(_key(arrays)), remedy=remedy))
        if self._other_shapes == "eager" or len(self._runs) >= MOST_PLANS:
            return None
        return self._compile(arrays)

    def _compile(self, arrays: tuple[Array, ...]) -> _Run:
        with self._lock:
            key = _key(arrays)
            if key not in self._runs:  # another thread may have been here
                tensors = (_tensor(array) for array in arrays)
                self._runs[key] = _Run(make_plan(simplify(trace(self._model, *tensors))))
                self.stats.compiled += 1
            return self._runs[key]

    def _eager(self, arrays: tuple[Array, ...], *, as_tensors: bool) -> Any:
        self.stats.eager += 1
        results, one = _run_eagerly(self._model, arrays)
        return _returned(results, one=one, as_tensors=as_tensors)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a copy, in another process or not, be compiled anew where it is made.

        Raises:
            StateError: If no copy of the model was kept to make it from.
        """
        if self._model is None:
            remedy = "Compile the model where it is to run."
            raise StateError(
                explain("a compiled model that is copied", "one that kept its model", "refuse", remedy=remedy)
            )
        return partial(compile, other_shapes=self._other_shapes), (self._model, *self._example)

    def __repr__(self) -> str:
        shapes = ", ".join(_shapes(key) for key in self._runs)
        return f"CompiledModel({shapes})"


class _Run:
    """A plan, and the sets of buffers it has worked in; a call takes one, or makes one if all are taken."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.free = [plan.build()]  # pop and append are atomic
        self.outputs = [(value.shape, value.dtype) for value in plan.graph.outputs]
        single = len(plan.graph.inputs) == 1 and plan.graph.returns_one
        self.shape = plan.graph.inputs[0].shape if single else None
        self.dtype = plan.graph.inputs[0].dtype if single else None
        self.single = _single(self)

    def __call__(self, *arrays: Array) -> list[Array]:
        results = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        run = self.take()
        run(*arrays, *results)
        self.free.append(run)
        return results

    def take(self) -> Callable[..., None]:
        """Take a set of buffers that nobody works in."""
        try:
            return self.free.pop()
        except IndexError:
            return self.plan.build()


def _single(own: _Run) -> Callable[[Array], Array]:
    """Make the short way for one array in and one out. A call of a small model is made of little else."""
    (shape, dtype), take, free, empty = own.outputs[0], own.take, own.free, np.empty
    pop, append = free.pop, free.append

    def call(array: Array) -> Array:
        if not array.flags.c_contiguous:
            array = np.array(array, order="C")
        result = empty(shape, dtype)
        try:
            run = pop()
        except IndexError:
            run = take()
        run(array, result)
        append(run)
        return result

    return call


def compile(model: Any, *example: Any, other_shapes: str = "compile") -> CompiledModel:
    """Make a fast copy of a model, for inference.

    The first call with other shapes than the example's traces and plans again, and is slow; up to 16 plans are kept,
    further shapes run the model's copy itself. `stats` tells the three apart.

    Args:
        model: Whatever `trace` takes. It is left alone, and later changes of its weights are not seen.
        example: Its inputs: tensors or arrays.
        other_shapes: `compile` plans for them, `eager` runs a copy of the model, `refuse` raises and keeps no copy.

    Raises:
        RangeError: If `other_shapes` is none of these.
        StateError, DTypeError: As `trace` does.
    """
    if other_shapes not in OTHER_SHAPES:
        raise RangeError(explain("other_shapes", f"one of {', '.join(OTHER_SHAPES)}", other_shapes))
    if not example:
        raise RangeError(
            explain("the example", "at least one input", "none", remedy="Give an input of the usual shape.")
        )
    return CompiledModel(model, example, other_shapes)


def _as_array(x: Any) -> Array:
    if isinstance(x, Tensor):
        return x.data
    return x if isinstance(x, np.ndarray) else Tensor(x).data


def _tensor(array: Array) -> Tensor:
    out = object.__new__(Tensor)
    out.data = array
    return out


def _key(arrays: tuple[Array, ...]) -> Key:
    return tuple((array.shape, array.dtype) for array in arrays)


def _shapes(key: Key) -> str:
    return " and ".join(f"{shape} {dtype}" for shape, dtype in key)


def _returned(results: list[Array], *, one: bool, as_tensors: bool) -> Any:
    found = tuple(_tensor(array) for array in results) if as_tensors else tuple(results)
    return found[0] if one else found


def _check(model: Any, original: Any = None) -> list[str]:
    if not isinstance(model, CompiledModel):
        return [explain("the model", "a CompiledModel", type(model).__name__)]
    reference = model._model if original is None else original  # noqa: SLF001  its own file
    if reference is None:
        remedy = "Give the original."
        return [explain("a compiled model that is checked", "one that kept its model", "refuse", remedy=remedy)]
    first, before = model._example, model.stats.planned  # noqa: SLF001
    ops = {step.op for step in model.plan().graph.steps}
    share = STEP if ops & ROUNDING and ops & INEXACT else TOLERANCE
    problems = [
        problem
        for inputs in (first, tuple(array.ravel()[::-1].reshape(array.shape) for array in first))
        for problem in _differences(model(*inputs), _run_eagerly(reference, inputs)[0], share, inputs)
    ]
    if model.stats.planned != before + 2:
        problems.append(explain("a call with the example's shapes", "a run of the plan", "another way"))
    return problems


def _differences(found: Any, expected: list[Array], share: float, inputs: tuple[Array, ...]) -> Iterator[str]:
    results = [found] if isinstance(found, np.ndarray) else list(found)
    if [each.shape for each in results] != [each.shape for each in expected]:
        yield explain("the outputs", "of the shapes of the model's", [each.shape for each in results])
        return
    for mine, theirs in zip(results, expected, strict=True):
        limit = share * max(1.0, float(np.abs(theirs).max(initial=0)))
        largest = float(np.abs(np.asarray(mine, np.float64) - theirs).max(initial=0))
        if not largest <= limit:  # NaN fails this too
            shapes = _shapes(_key(inputs))
            yield explain(
                "the outputs", f"within {limit:.3g} of the model's", f"a difference of {largest:.3g} for {shapes}"
            )


def _run_eagerly(model: Any, arrays: tuple[Array, ...]) -> tuple[list[Array], bool]:
    with inference(model), no_grad():
        found = getattr(model, "forward", model)(*map(_tensor, arrays))
    one = isinstance(found, Tensor)
    return [tensor.data for tensor in ((found,) if one else found)], one


COMPILE = Technique(
    "compile.v1",
    compile,
    "A plan gives the outputs that the model gave, to 1e-5, or to 2 % of the largest with bytes behind curves.",
    _check,
)
