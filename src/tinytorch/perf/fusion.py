"""Which steps of a graph are done as one: linear layers with their activations, chained while nobody looks between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from tinytorch.core.ops.shape import is_basic
from tinytorch.perf.graph import Graph, Step, Value
from tinytorch.perf.kernels import arrays, form
from tinytorch.perf.kernels.convolution import pack_convolution
from tinytorch.perf.kernels.dense import CURVES, Dense, pack_chain
from tinytorch.perf.kernels.int8 import PackedLinear
from tinytorch.perf.kernels.int8_convolution import PackedConvolution
from tinytorch.perf.kernels.sparse import scratch, sparse_kernel
from tinytorch.perf.simplification import count_uses

__all__ = ["Kernel", "Task", "tasks_of"]

BLAS_FROM = 1 << 25  # multiplications from which several threads of a matrix library beat one of ours


@dataclass(frozen=True)
class Kernel:
    """A function that writes a result, and what it takes between its arrays and `out`.

    Attributes:
        function: What is called: on the arrays of a task, then `extras`, then the result's memory.
        extras: What belongs to one call at a time, such as scratch memory, or to all, such as packed weights.
        named: Whether the memory is passed as `out=`.
    """

    function: Callable[..., Any]
    extras: tuple[Any, ...] = ()
    named: bool = True


@dataclass(frozen=True, eq=False)
class Task:
    """What a plan does at once.

    Attributes:
        steps: The graph's steps in it, in order.
        inputs: The arrays it takes.
        output: The array it gives.
        make: Makes its kernel; called once for each set of buffers. None for a view.
        view: Makes the result of the first input's memory. None for a kernel.
        in_place: Whether the result may stand where an input of its shape and kind stood.
        weights: Arrays it holds in a form of its own.
    """

    steps: tuple[Step, ...]
    inputs: tuple[Value, ...]
    output: Value
    make: Callable[[], Kernel] | None = None
    view: Callable[[Any], Any] | None = None
    in_place: bool = False
    weights: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The ops, joined by +."""
        return "+".join(step.op for step in self.steps)

    @property
    def allocates(self) -> bool:
        """Whether a call allocates the result before it is copied into the buffer."""
        return self.view is None and not self.weights and arrays.allocates(self.steps[0])


def tasks_of(graph: Graph) -> list[Task]:
    """Group the steps of a graph, in order."""
    uses, done, found = count_uses(graph), set[Value](), []
    following = {step.inputs[0]: step for step in graph.steps if step.inputs and uses[step.inputs[0]] == 1}
    fuses = form() != "numpy"
    for step in graph.steps:
        if step.output in done:
            continue
        if step.op in PACKED_TASKS and fuses:
            task = PACKED_TASKS[step.op](step, following)
        elif fuses and _is_own_convolution(step):
            task = _convolution_task(step, following.get(step.output))
        else:
            chain = _chain(step, following) if fuses else []
            task = _chain_task(chain) if chain else _task(step)
        done.update(each.output for each in task.steps)
        found.append(task)
    return found


def _chain(step: Step, following: dict[Value, Step]) -> list[Step]:
    """Walk from a linear step as far as its result goes through activations and linear steps only."""
    chain: list[Step] = []
    current: Step | None = step
    while current is not None and _joins(current, chain):
        chain.append(current)
        current = following.get(current.output)
    return chain if chain and not _is_for_blas(chain) else []


def _joins(step: Step, chain: list[Step]) -> bool:
    if step.op in CURVES:
        return bool(chain) and chain[-1].op in {"linear", "matmul"}
    return _is_dense(step)


def _is_dense(step: Step) -> bool:
    if step.op not in {"linear", "matmul"}:
        return False
    x, weight, *bias = step.inputs
    fixed = all(isinstance(value.data, np.ndarray) for value in (weight, *bias)) and x.data is None
    shaped = len(weight.shape) == 2 and len(x.shape) >= 1 and min(step.output.size, x.size) > 0
    return fixed and shaped and all(value.dtype == np.float32 for value in (*step.inputs, step.output))


def _is_for_blas(chain: list[Step]) -> bool:
    products = sum(_products(step) for step in chain if step.op not in CURVES)
    return products >= BLAS_FROM and max((pool["num_threads"] for pool in threadpool_info()), default=1) > 1


def _products(step: Step) -> int:
    weight = step.inputs[1]
    return step.output.size * (weight.size // weight.shape[0] if step.op == "conv2d" else weight.shape[0])


def _chain_task(chain: list[Step]) -> Task:
    layers: list[Dense] = []
    for step in chain:
        if step.op in CURVES:
            last = layers.pop()
            layers.append(Dense(last.weight, last.bias, step.op))
        else:
            layers.append(Dense(*(value.data for value in step.inputs[1:])))
    packed, x, output = pack_chain(layers), chain[0].inputs[0], chain[-1].output
    rows = x.size // x.shape[-1]

    def make() -> Kernel:
        function = packed.kernel() if len(x.shape) == 2 else _flattened(packed.kernel(), rows)
        return Kernel(function, (packed.weights, packed.layout, packed.scratch(rows)), named=False)

    return Task(tuple(chain), (x,), output, make, weights=(packed.weights,))


def _flattened(kernel: Callable[..., None], rows: int) -> Callable[..., None]:
    """Let a kernel of two axes take any number of leading ones."""

    def run(x: Any, *extras: Any) -> None:
        *between, out = extras
        kernel(x.reshape(rows, x.shape[-1]), *between, out.reshape(rows, out.shape[-1]))

    return run


def _int8_task(step: Step, following: dict[Value, Step]) -> Task:
    """Do a layer of bytes, and the activation that follows it, at once."""
    layer, x, after = step.options["layer"], step.inputs[0], following.get(step.output)
    packed: PackedLinear = layer.packed
    if x.dtype != np.float32 or packed.form == "numpy":
        return _task(step)
    steps = (step, after) if after is not None and after.op in CURVES else (step,)
    rows = step.output.size // packed.outputs
    how = (CURVES[steps[-1].op] if len(steps) == 2 else CURVES["none"], np.float32(layer.input_scale or 0))

    def make() -> Kernel:
        scratch, kernel = packed.scratch(rows), packed.kernel()
        extras = (packed.values, packed.columns, scratch.activations, scratch.floats, how)
        return Kernel(kernel if len(x.shape) == 2 else _flattened(kernel, rows), extras, named=False)

    return Task(steps, (x,), steps[-1].output, make, weights=(packed.values, packed.columns))


def _int8_convolution_task(step: Step, following: dict[Value, Step]) -> Task:
    """Do a convolution of bytes, the activation and the max pooling that follow it, at once."""
    layer, x, steps = step.options["layer"], step.inputs[0], [step]
    packed: PackedConvolution = layer.packed
    if x.dtype != np.float32 or packed.form == "numpy" or not step.output.size:
        return _task(step)
    after = following.get(step.output)
    if after is not None and after.op in CURVES:
        steps.append(after)
        after = following.get(after.output)
    size = _tiled_by(after)
    steps += [after] if after is not None and size > 1 else []
    curve = next((each.op for each in steps if each.op in CURVES), "none")
    how = (CURVES[curve], np.float32(layer.input_scale or 0))

    def make() -> Kernel:
        own = packed.scratch(x.shape[2], x.shape[3], size)
        extras = (packed.values, packed.columns, own.sizes, own.memory, how)
        return Kernel(packed.kernel(), extras, named=False)

    return Task(tuple(steps), (x,), steps[-1].output, make, weights=(packed.values, packed.columns))


def _tiled_by(step: Step | None) -> int:
    """Give the size of a max pooling's windows, if they are square and lie side by side; else 1."""
    if step is None or step.op != "max_pool2d" or step.options.get("padding") or not step.output.size:
        return 1
    sizes = (step.options["kernel_size"], step.options.get("stride") or step.options["kernel_size"])
    sides = {side for size in sizes for side in (size if isinstance(size, tuple) else (size,))}
    return int(sides.pop()) if len(sides) == 1 else 1


def _int4_task(step: Step, following: dict[Value, Step]) -> Task:
    """Do a layer of nibbles, and the activation that follows it, at once."""
    x, after, packed = step.inputs[0], following.get(step.output), step.options["layer"].packed
    if x.dtype != np.float32 or packed.form == "numpy":
        return _task(step)
    steps = (step, after) if after is not None and after.op in CURVES else (step,)
    rows, curve = step.output.size // packed.outputs, CURVES[steps[-1].op] if len(steps) == 2 else CURVES["none"]

    def make() -> Kernel:
        kernel: Callable[..., None] = packed.kernel()
        extras = (packed.weights, packed.sizes, packed.scratch(rows), curve)
        return Kernel(kernel if len(x.shape) == 2 else _flattened(kernel, rows), extras, named=False)

    return Task(steps, (x,), steps[-1].output, make, weights=packed.weights)


def _sparse_task(step: Step, following: dict[Value, Step]) -> Task:
    """Do a sparse layer, and the activation that follows it, at once."""
    x, after, layer = step.inputs[0], following.get(step.output), step.options["layer"]
    if x.dtype != np.float32:
        return _task(step)
    steps = (step, after) if after is not None and after.op in CURVES else (step,)
    rows, curve = step.output.size // layer.out_features, CURVES[steps[-1].op] if len(steps) == 2 else CURVES["none"]
    entries, bias = layer.matrix.arrays, layer.biases()

    def make() -> Kernel:
        kernel = sparse_kernel(layer.kind)
        extras = (entries, bias, scratch(rows, layer.in_features), curve)
        return Kernel(kernel if len(x.shape) == 2 else _flattened(kernel, rows), extras, named=False)

    return Task(steps, (x,), steps[-1].output, make, weights=(*entries, bias))


PACKED_TASKS = {
    "int4_linear": _int4_task,
    "int8_conv2d": _int8_convolution_task,
    "int8_linear": _int8_task,
    "sparse_linear": _sparse_task,
}


def _is_own_convolution(step: Step) -> bool:
    """Say whether the kernel of ours can do it, and several threads of a matrix library would not do it faster."""
    if step.op != "conv2d":
        return False
    x, *fixed = step.inputs
    floats = all(value.dtype == np.float32 for value in (*step.inputs, step.output))
    known = x.data is None and all(isinstance(value.data, np.ndarray) for value in fixed)
    return floats and known and min(step.output.size, fixed[0].size) > 0 and not _is_for_blas([step])


def _convolution_task(step: Step, after: Step | None) -> Task:
    """Do a convolution, and the activation that follows it, at once."""
    steps = (step, after) if after is not None and after.op in CURVES else (step,)
    weight, *bias = (value.data for value in step.inputs[1:])
    batch, channels, *windows = step.output.shape
    curve = steps[-1].op if len(steps) == 2 else "none"
    packed = pack_convolution(weight, bias[0] if bias else None, (windows[0], windows[1]), curve, **step.options)
    count = windows[0] * windows[1]

    def make() -> Kernel:
        run, (columns, part) = packed.kernel(), packed.scratch()

        def kernel(x: Any, *, out: Any) -> None:
            flat = out.reshape(batch, channels, count)
            run(x, packed.kernels, packed.layout, packed.sizes, columns, part, flat)

        return Kernel(kernel)

    return Task(steps, step.inputs[:1], steps[-1].output, make, weights=(packed.kernels,))


def _task(step: Step) -> Task:
    view = _view(step)
    if view is not None:
        return Task((step,), step.inputs[:1], step.output, view=view)
    make = lambda: Kernel(arrays.kernel_of(step))
    return Task((step,), step.inputs, step.output, make, in_place=step.op in arrays.ELEMENTWISE)


def _view(step: Step) -> Callable[[Any], Any] | None:
    shape, options = step.output.shape, step.options
    if step.op == "reshape":
        return lambda x: x.reshape(shape)
    if step.op == "permute":
        return lambda x: x.transpose(options["axes"])
    if step.op == "broadcast_to":
        return lambda x: np.broadcast_to(x, shape)
    if step.op == "slice" and is_basic(options["key"]):
        key = options["key"] if isinstance(options["key"], tuple) else (options["key"],)
        whole = key if any(part is Ellipsis for part in key) else (*key, Ellipsis)
        return lambda x: x[whole]
    return None
