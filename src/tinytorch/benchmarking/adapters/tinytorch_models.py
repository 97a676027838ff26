"""Models made of TinyTorch's layers or tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters import plain
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import layers_of
from tinytorch.core.tensor import Tensor

__all__ = ["Adapter"]


class Adapter(plain.Adapter):
    """How to call a model that takes and gives tensors."""

    def prepare(self, inputs: NDArray[Any]) -> Any:
        """Make a tensor."""
        return Tensor(inputs)

    def array(self, output: Any) -> NDArray[Any]:
        """Give the tensor's array."""
        return np.asarray(output.data if isinstance(output, Tensor) else output)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Switch every layer to inference, and record no graph."""
        layers = layers_of(self.model)
        modes = [layer.training for layer in layers]
        try:
            for layer in layers:
                layer.training = False
            with no_grad():
                yield
        finally:
            for layer, mode in zip(layers, modes, strict=True):
                layer.training = mode
