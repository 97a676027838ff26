"""A training step under the clock: forwards with a graph, and the walk back over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.errors import StateError, explain
from tinytorch.perf.graph import inference
from tinytorch.perf.profiling.models import trained_of
from tinytorch.perf.profiling.turns import Spans, Stopwatch

__all__ = ["TrainingStep", "kept_gradients"]

Loss = Callable[[Any], Tensor]


class TrainingStep:
    """Calls a model, and goes back from its result; two spans a turn. The gradients there were are put back.

    Args:
        model: Anything with `forward`, or a function of tensors.
        inputs: What it is called with. If it has nothing to train, those of floats get a gradient instead.
        loss: From what the model returns to a scalar; without one, the gradient of each result is 1.
        in_inference: Whether the model is switched to inference; its own modes hold otherwise.

    Attributes:
        gradient_bytes: Of the gradients that the last step left on what is trained.
    """

    def __init__(
        self, model: Any, inputs: Sequence[Tensor], loss: Loss | None = None, *, in_inference: bool = False
    ) -> None:
        self._model, self._loss, self._in_inference = model, loss, in_inference
        self._forward: Callable[..., Any] = getattr(model, "forward", model)
        self._trained = trained_of(model)
        self.gradient_bytes = 0
        self._inputs = [x if self._trained else _trainable(x) for x in inputs]

    def __call__(self, watch: Stopwatch) -> Spans:
        """Take one step.

        Raises:
            StateError: If the result carries no graph to go back on.
        """
        with kept_gradients(self._trained), inference(self._model) if self._in_inference else nullcontext():
            held: list[Any] = []
            forward = watch.time(lambda: held.append(self._result()))
            roots = _roots(held[0])
            backward = watch.time(lambda: _go_back(roots))
            self.gradient_bytes = sum(np.asarray(one.grad).nbytes for one in self._trained if one.grad is not None)
        return [forward, backward]

    def _result(self) -> Any:
        returned = self._forward(*self._inputs)
        return returned if self._loss is None else self._loss(returned)


@contextmanager
def kept_gradients(trained: Sequence[Tensor]) -> Iterator[None]:
    """Begin without gradients, and put back those there were."""
    before = [one.grad for one in trained]
    for one in trained:
        one.grad = None
    try:
        yield
    finally:
        for one, gradient in zip(trained, before, strict=True):
            one.grad = gradient


def _go_back(roots: Sequence[tuple[Tensor, Any]]) -> None:
    for root, gradient in roots[:-1]:  # results may share a graph
        root.backward(gradient, retain_graph=True)
    root, gradient = roots[-1]
    root.backward(gradient)


def _trainable(x: Tensor) -> Tensor:
    own = x.detach()
    own.requires_grad = own.data.dtype.kind == "f"
    return own


def _roots(returned: Any) -> list[tuple[Tensor, Any]]:
    """Give each result that carries a graph, with a gradient of ones.

    Raises:
        StateError: If there is none, or it is no tensor.
    """
    results = returned if isinstance(returned, list | tuple) else [returned]
    roots = [x for x in results if getattr(x, "requires_grad", False)]
    if not roots:
        remedy = "Compute it with ops on tensors, of something that requires grad."
        raise StateError(explain("the result", "one that carries a graph", "one without a graph", remedy=remedy))
    return [(x, np.ones_like(x.data)) for x in roots]
