"""Which layer an op belongs to: every `forward` in a model is watched while the model is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from tinytorch.perf.graph import Graph, trace
from tinytorch.perf.profiling.models import owner_of
from tinytorch.perf.tracing import Traced

__all__ = ["Scope", "parts_of", "trace_scopes"]

MISSING = object()


@dataclass(frozen=True, slots=True)
class Scope:
    """One call of a layer, and the steps it did.

    Attributes:
        path: Where the layer is in its model, such as `blocks.0.attention`; empty for the model itself.
        kind: The name of its class.
        start: Its first step.
        stop: The step after its last.
        depth: How many calls it lies in.
    """

    path: str
    kind: str
    start: int
    stop: int
    depth: int


def parts_of(model: Any) -> Iterator[tuple[str, Any]]:
    """Give the path and the object of a model and of each that it holds and that has `forward`, each once.

    Example:
        >>> from tinytorch.core.layers import Linear, Sequential
        >>> [(path, type(part).__name__) for path, part in parts_of(Sequential(Linear(2, 2)))]
        [('', 'Sequential'), ('layers.0', 'Linear')]
    """
    return _parts(owner_of(model), "", set())


def _parts(holder: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(holder) in seen:
        return
    seen.add(id(holder))
    if callable(getattr(holder, "forward", None)) and not isinstance(holder, type):
        yield path, holder
    elif path and not isinstance(holder, list | tuple | dict):
        return
    for name, value in _held(holder):
        yield from _parts(value, f"{path}.{name}" if path else str(name), seen)


def _held(holder: Any) -> list[tuple[Any, Any]]:
    if isinstance(holder, dict):
        return list(holder.items())
    if isinstance(holder, list | tuple):
        return list(enumerate(holder))
    return list(getattr(holder, "__dict__", {}).items())


def trace_scopes(model: Any, *example: Any) -> tuple[Graph, tuple[Scope, ...]]:
    """Trace a model, and say which calls of its layers did which steps.

    Returns:
        The graph, and the scopes in the order in which their calls began; a call that did no step is left out.

    Raises:
        StateError, DTypeError: As `trace` does.

    Example:
        >>> from tinytorch.core.layers import Linear, Sequential
        >>> graph, scopes = trace_scopes(Sequential(Linear(2, 2)), [[1.0, 2.0]])
        >>> [(scope.path, scope.kind, scope.start, scope.stop) for scope in scopes]
        [('', 'Sequential', 0, 1), ('layers.0', 'Linear', 0, 1)]
    """
    with _watched(model) as found:
        graph = trace(model, *example)
    kept = [scope for scope in found if scope.stop > scope.start]
    return graph, tuple(sorted(kept, key=lambda scope: (scope.start, scope.depth)))


@contextmanager
def _watched(model: Any) -> Iterator[list[Scope]]:
    found: list[Scope] = []
    depth = [0]
    replaced: list[tuple[dict[str, Any], Any]] = []
    try:
        for path, part in parts_of(model):
            if hasattr(part, "__dict__"):
                replaced.append((vars(part), vars(part).get("forward", MISSING)))
                vars(part)["forward"] = _noting(part.forward, path, type(part).__name__, found, depth)
        yield found
    finally:
        for state, forward in replaced:
            state.pop("forward") if forward is MISSING else state.update(forward=forward)


def _noting(
    forward: Callable[..., Any], path: str, kind: str, found: list[Scope], depth: list[int]
) -> Callable[..., Any]:
    """Let a call note the steps that were recorded while it ran; `depth` counts the calls it lies in."""

    @wraps(forward)
    def noted(*inputs: Any, **options: Any) -> Any:
        traced = next((x for x in (*inputs, *options.values()) if isinstance(x, Traced)), None)
        if traced is None:
            return forward(*inputs, **options)
        steps, own = traced.recording.steps, depth[0]
        start = len(steps)
        depth[0] += 1
        try:
            returned = forward(*inputs, **options)
        finally:
            depth[0] = own
        found.append(Scope(path, kind, start, len(steps), own))
        return returned

    return noted
