"""A model of no framework in particular: something with `forward` or `predict`, or that can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DTypeError, explain

__all__ = ["Adapter"]

WAYS = ("forward", "predict")


class Adapter:
    """How to call a model that takes and gives arrays.

    Attributes:
        model: As it was handed in.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        found = (way for name in WAYS if callable(way := getattr(model, name, None)))
        self.call: Callable[[Any], Any] = next(found, model)
        if not callable(self.call):
            got = f"a {type(model).__name__}"
            raise DTypeError(explain("the model", "callable, or have a method forward or predict", got))

    def prepare(self, inputs: NDArray[Any]) -> Any:
        """Make of an array what the model takes."""
        return inputs

    def array(self, output: Any) -> NDArray[Any]:
        """Make an array of what the model gives."""
        return np.asarray(output)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Keep the model in inference mode until the block ends; then it is as it was."""
        yield
