"""Live models, as users hand them in: their names, inputs that fit them, and what they say of labelled samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters import adapter_for
from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.clock import CLOCK, SLEEPER, Clock, Sleeper
from tinytorch.benchmarking.doors.datasets import as_array, labelled
from tinytorch.benchmarking.outcomes import Outcomes, outputs_digest
from tinytorch.errors import DataError, ShapeError, explain

__all__ = ["LiveModel", "live_case", "live_models"]

BATCH = 256
SEED = 42


class LiveModel:
    """A model and the ways to use it.

    Attributes:
        name: What readers call it; nothing else follows from it.
        model: As it was handed in.
        adapter: What knows its framework.
    """

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model
        self.adapter = adapter_for(model)

    def inference(self, inputs: NDArray[Any]) -> Callable[[], Any]:
        """Prepare the inference of some inputs, so that the call does nothing else."""
        call, prepared = self.adapter.call, self.adapter.prepare(inputs)
        return lambda: call(prepared)

    def output(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Give what the model makes of some inputs, as an array."""
        with self.adapter.inference():
            return self.adapter.array(self.inference(inputs)())

    def fitting(self, shape: Sequence[int], seed: int = SEED) -> NDArray[np.float32]:
        """Draw inputs of the shape, or of the flat shape of as many numbers, whichever the model takes.

        Raises:
            Exception: What the model raised at inputs of the shape asked for, if it takes neither.
        """
        drawn = np.random.default_rng(seed).standard_normal(tuple(shape)).astype(np.float32)
        flat = drawn.reshape(drawn.shape[0], math.prod(drawn.shape[1:])) if drawn.ndim > 2 else drawn
        refusals = []
        for candidate in (drawn, flat):
            try:
                self.output(candidate)
            except Exception as error:  # noqa: BLE001  whatever a model raises at a shape it does not take
                refusals.append(error)
            else:
                return candidate
        raise refusals[0]

    def outcomes(self, samples: NDArray[Any]) -> Outcomes:
        """Find the class of each sample: the largest of its scores, or the class itself where the model gives that.

        Raises:
            ShapeError: If the outputs are neither.
            DataError: If an output is not finite.
        """
        starts = range(0, len(samples), BATCH)
        scores = np.concatenate([self.output(samples[start : start + BATCH]) for start in starts])
        if not np.all(np.isfinite(scores)):
            raise DataError(explain("the model's output", "finite", "NaN or infinity"))
        return Outcomes.of(_classes(scores, len(samples)), outputs_digest(scores))

    @contextmanager
    def as_case(
        self, inputs: NDArray[Any], labels: NDArray[Any] | None = None, clock: Clock = CLOCK, sleeper: Sleeper = SLEEPER
    ) -> Iterator[Case]:
        """Give the case that metrics and scenarios take, in inference mode until the block ends.

        Args:
            inputs: (N, ...) samples; a batch of more than N begins again with the first.
            labels: (N,) their classes.
            clock: What tells the time.
            sleeper: What waits for an instant of that clock.
        """

        def batch(size: int) -> Callable[[], Any]:
            return self.inference(np.take(inputs, np.arange(size), axis=0, mode="wrap"))

        judge = None if labels is None else lambda: (self.outcomes(inputs), labels)
        with self.adapter.inference():
            yield Case(self.name, self.model, batch, None, judge, clock, sleeper)

    def accuracy_on(self, dataset: Any) -> tuple[float, dict[str, Any]]:
        """Find the share of a data set that the model gets right, and how it was found.

        A model with `evaluate` is asked; any other is run on the samples, if the data set has labels.

        Raises:
            DataError: If there is neither; the message says so.
        """
        if callable(evaluate := getattr(self.model, "evaluate", None)):
            return _ratio(evaluate(dataset)), {"by": "the model's own evaluate"}
        found = labelled(dataset)
        if found is None:
            rule = "a model with evaluate, or a data set with labels"
            raise DataError(explain("accuracy", f"measured on {rule}", "neither"))
        samples, labels = found
        outcomes = self.outcomes(samples)
        right = int(outcomes.is_right(labels).sum())
        return right / len(labels), {"by": "counting", "correct": right, "total": len(labels)} | outcomes.to_dict()


def live_models(models: Sequence[Any]) -> list[LiveModel]:
    """Name each model by its `name`, or by its place; a name that comes again gets its place added."""
    found: dict[str, LiveModel] = {}
    for place, model in enumerate(models):
        name = getattr(model, "name", None)
        name = name if isinstance(name, str) and name else f"model_{place}"
        while name in found:
            name = f"{name}_{place}"
        found[name] = LiveModel(name, model)
    return list(found.values())


@contextmanager
def live_case(model: Any, inputs: Any, labels: Any = None, name: str = "model") -> Iterator[Case]:
    """Make a case of a live model and its samples, for the metrics and scenarios that need no process of their own.

    Example:
        >>> from tinytorch import Linear
        >>> from tinytorch.benchmarking import METRICS
        >>> with live_case(Linear(4, 3), np.eye(4), [0, 1, 2, 0]) as case:
        ...     METRICS["accuracy"].measure(case).raw["test_count"]
        4
    """
    classes = None if labels is None else as_array(labels)
    with LiveModel(name, model).as_case(as_array(inputs), classes) as case:
        yield case


def _classes(scores: NDArray[Any], count: int) -> NDArray[Any]:
    if scores.ndim == 2 and scores.shape[0] == count and scores.shape[1] > 1:
        return scores.argmax(axis=1)
    if scores.shape == (count,) and scores.dtype.kind in "biu":
        return scores
    rule = f"of shape ({count}, C), C scores a sample, or ({count},) whole numbers"
    raise ShapeError(explain("the model's output", rule, f"the shape {scores.shape} of {scores.dtype}"))


def _ratio(answer: Any) -> float:
    value: Any = answer.get("accuracy") if isinstance(answer, dict) else answer
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:  # NaN fails this too
        remedy = "Let evaluate give the share of samples that are right."
        raise DataError(explain("what evaluate gives", "a ratio in [0, 1]", answer, remedy=remedy))
    return float(value)
