"""A plan: the steps of a graph as lines of Python on buffers that are there already.

Each array that a task writes gets a place in one of a few buffers; a buffer is used again once nobody reads what it
held. What is only a view of a buffer is made once. What is left to do at each call are the kernels, one line each:
the lines are compiled by Python, so that a call loops over nothing.

Source:
    Y. Pisarchyk, J. Lee (2020), Efficient Memory Management for Deep Neural Net Inference, on greedy sharing by size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinytorch.perf.fusion import Kernel, Task, tasks_of
from tinytorch.perf.graph import Graph, Value
from tinytorch.perf.kernels.dense import aligned

__all__ = ["Plan", "make_plan"]

Maker = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Plan:
    """What to do for inputs of one set of shapes.

    Attributes:
        graph: What it was made of.
        tasks: What is done, in order.
        source: The lines of Python.
        buffers: The size of each buffer, in bytes.
        makers: By name in the source, how it is made for one set of buffers, in order.
    """

    graph: Graph
    tasks: tuple[Task, ...]
    source: str
    buffers: tuple[int, ...]
    makers: dict[str, Maker]

    def build(self) -> Callable[..., None]:
        """Allocate buffers, and give a function of inputs and outputs that works in them; one call at a time."""
        names: dict[str, Any] = {"copyto": np.copyto}
        for name, make in self.makers.items():
            names[name] = make(names)
        exec(compile(self.source, "<plan>", "exec"), names)  # noqa: S102  written below, of nothing but own names
        return names["run"]

    @property
    def allocating(self) -> tuple[str, ...]:
        """The tasks that allocate at each call: ops that have no kernel which writes into memory."""
        return tuple(task.name for task in self.tasks if task.allocates)

    @property
    def weights(self) -> tuple[Any, ...]:
        """The arrays that it holds: parameters and constants, packed or as they were."""
        packed = [array for task in self.tasks for array in task.weights]
        plain = [value.data for task in self.tasks if not task.weights for value in task.inputs]
        return tuple(array for array in [*packed, *plain] if isinstance(array, np.ndarray))

    def __str__(self) -> str:
        total = sum(task.output.nbytes for task in self.tasks if not task.view)
        head = f"{len(self.tasks)} tasks, {len(self.buffers)} buffers of {sum(self.buffers)} bytes for {total} bytes"
        return f"{head}\n{self.source}"


def make_plan(graph: Graph) -> Plan:
    """Plan a graph.

    Example:
        >>> from tinytorch.perf.graph import trace
        >>> plan = make_plan(trace(lambda x: -(x + 1) * x, [1.0, 2.0]))
        >>> out = np.empty(2, np.float32)
        >>> plan.build()(np.float32([1, 2]), out)
        >>> out.tolist(), plan.buffers
        ([-2.0, -6.0], (8,))
    """
    planner = _Planner(graph, tasks_of(graph))
    return planner.plan()


@dataclass
class _Planner:
    graph: Graph
    tasks: list[Task]
    names: dict[Value, str] = field(default_factory=dict)
    roots: dict[Value, Value] = field(default_factory=dict)
    slots: dict[Value, int] = field(default_factory=dict)
    makers: dict[str, Maker] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    buffers: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    contiguous: set[Value] = field(default_factory=set)
    copied: set[Value] = field(default_factory=set)

    def plan(self) -> Plan:
        self._find_copies()
        for position, value in enumerate(self.graph.inputs):
            self._place(value, f"i{position}")
        direct = self._direct_outputs()
        ends = self._last_uses()
        for index, task in enumerate(self.tasks):
            self._add(task, direct.get(task.output), ends, index)
            self._release(task, ends, index)
        for position, value in enumerate(self.graph.outputs):
            if direct.get(value) != f"o{position}":
                self.lines.append(f"copyto(o{position}, {self._operand(value)})")
        arguments = [f"i{n}" for n in range(len(self.graph.inputs))] + [f"o{n}" for n in range(len(self.graph.outputs))]
        source = "\n    ".join([f"def run({', '.join(arguments)}):", *(self.lines or ["pass"])])
        return Plan(self.graph, tuple(self.tasks), source, tuple(self.buffers), self.makers)

    def _place(self, value: Value, name: str, *, root: Value | None = None) -> None:
        self.names[value] = name
        self.roots[value] = value if root is None else self.roots.get(root, root)

    def _direct_outputs(self) -> dict[Value, str]:
        """Name what is written where the caller wants it."""
        written = {task.output for task in self.tasks if not self._is_view(task)}
        found: dict[Value, str] = {}
        for position, value in enumerate(self.graph.outputs):
            if value in written:
                found.setdefault(value, f"o{position}")
        return found

    def _last_uses(self) -> dict[Value, int]:
        """Find the last task that reads each array, itself or through views of it."""
        base: dict[Value, Value] = {}
        ends: dict[Value, int] = {}
        for index, task in enumerate(self.tasks):
            for value in task.inputs:
                ends[base.get(value, value)] = index
            if self._is_view(task):
                base[task.output] = base.get(task.inputs[0], task.inputs[0])
            ends.setdefault(base.get(task.output, task.output), index)
        return ends | {base.get(value, value): len(self.tasks) for value in self.graph.outputs}

    def _add(self, task: Task, direct: str | None, ends: dict[Value, int], index: int) -> None:
        if self._is_view(task):
            self._add_view(task)
            return
        kernel = task.make or (lambda: Kernel(_copy))
        inputs = [self._operand(value, whole=bool(task.weights)) for value in task.inputs]
        target = direct or self._buffer(task, ends, index)
        self._place(task.output, target)
        self._call(kernel, inputs, target)

    def _find_copies(self) -> None:
        """Find what is whole in memory, and the reshapes of what is not: these copy, the others are views."""
        self.contiguous.update(self.graph.inputs)
        for task in self.tasks:
            base = task.inputs[0] if task.inputs else None
            whole = base is not None and (base in self.contiguous or base.data is not None)
            reshapes = task.steps[0].op == "reshape"
            if task.view and reshapes and not whole:
                self.copied.add(task.output)
            if not task.view or reshapes:
                self.contiguous.add(task.output)

    def _is_view(self, task: Task) -> bool:
        return task.view is not None and task.output not in self.copied

    def _add_view(self, task: Task) -> None:
        base, view, name = self._operand(task.inputs[0]), task.view, f"v{len(self.names)}"
        self._place(task.output, name, root=task.inputs[0])
        if base in self.makers:
            self.makers[name] = lambda names: view(names[base])  # type: ignore[misc]
        else:  # of what the caller hands in
            self.makers[f"m{name}"] = lambda _: view
            self.lines.append(f"{name} = m{name}({base})")

    def _operand(self, value: Value, *, whole: bool = False) -> str:
        """Name an operand; a constant gets its name here, and one to be `whole` is copied if it is a strided view."""
        if value not in self.names:
            name = f"c{len(self.names)}"
            held = np.array(value.data, order="C") if isinstance(value.data, np.ndarray) else value.data
            self.makers[name] = lambda _: held
            self._place(value, name)
        name = self.names[value]
        if not whole or value in self.contiguous or value.data is not None:
            return name
        copy = f"w{len(self.makers)}"
        self.makers[copy] = lambda _: np.empty(value.shape, value.dtype)
        self.lines.append(f"copyto({copy}, {name})")
        return copy

    def _buffer(self, task: Task, ends: dict[Value, int], index: int) -> str:
        slot = self._slot_in_place(task, ends, index)
        if slot is None:
            slot = self._slot(task.output.nbytes)
        self.slots[task.output] = slot
        name, shape, kind = f"b{len(self.names)}", task.output.shape, task.output.dtype
        self.makers.setdefault(f"s{slot}", lambda _: aligned((self.buffers[slot],), np.uint8))
        size = task.output.nbytes
        self.makers[name] = lambda names: names[f"s{slot}"][:size].view(kind).reshape(shape)
        return name

    def _slot_in_place(self, task: Task, ends: dict[Value, int], index: int) -> int | None:
        if not task.in_place:
            return None
        for value in task.inputs:
            fits = value.shape == task.output.shape and value.dtype == task.output.dtype
            if fits and value in self.slots and ends[value] == index:
                return self.slots.pop(value)
        return None

    def _slot(self, size: int) -> int:
        """Take the smallest free buffer that is large enough, or the largest and let it grow, or a new one."""
        if not self.free:
            self.buffers.append(size)
            return len(self.buffers) - 1
        enough = [slot for slot in self.free if self.buffers[slot] >= size]
        slot = min(enough, key=self.buffers.__getitem__) if enough else max(self.free, key=self.buffers.__getitem__)
        self.free.remove(slot)
        self.buffers[slot] = max(self.buffers[slot], size)
        return slot

    def _release(self, task: Task, ends: dict[Value, int], index: int) -> None:
        for value in (*task.inputs, task.output):
            root = self.roots.get(value, value)
            if ends.get(root, index) <= index and root in self.slots:
                self.free.append(self.slots.pop(root))

    def _call(self, make: Callable[[], Kernel], inputs: list[str], target: str) -> None:
        made = make()  # to see what it takes; each set of buffers makes one of its own
        name = f"k{len(self.makers)}"
        extras = [f"{name}e{n}" for n in range(len(made.extras))]
        self.makers[f"{name}m"] = lambda _: make()
        self.makers[name] = lambda names: names[f"{name}m"].function
        for n, extra in enumerate(extras):
            self.makers[extra] = lambda names, n=n: names[f"{name}m"].extras[n]  # type: ignore[misc]
        out = f"out={target}" if made.named else target
        self.lines.append(f"{name}({', '.join([*inputs, *extras, out])})")


def _copy(x: Any, *, out: Any) -> None:
    """Copy elements in order, for a reshape that no view exists of."""
    np.copyto(out.reshape(x.shape), x)
