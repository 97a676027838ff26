"""What a row of layer samples is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contracts.rows import SEED, between
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Tensor


@dataclass(frozen=True)
class LayerRow:
    """One layer, made and called in one way.

    Attributes:
        kind: Its class.
        case: What is special about this row.
        make: Makes one, with weights of its own at each call.
        inputs: One maker of float64 or int64 values per tensor; it is given its position.
        parameters: The names of its parameters.
        options: The keyword arguments of the call.
        composed: Whether it is made of layers that have rows: its many parameters are then moved all at once.
    """

    kind: type[Layer]
    case: str
    make: Callable[[], Layer]
    inputs: tuple[Callable[[int], np.ndarray], ...]
    parameters: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    composed: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind.__name__}: {self.case}"

    def layer(self, dtype="float32") -> Layer:
        """Make the layer; its parameters are not the zeros that some are born as."""
        layer = self.make().astype(dtype)
        for position, tensor in enumerate(layer.parameters()):
            tensor.data[...] = between(-1, 1, *tensor.shape)(position + 1)
        return layer

    def tensors(self, dtype="float32") -> list[Tensor]:
        """Give fresh inputs; all that hold floats require grad."""
        arrays = [make(position) for position, make in enumerate(self.inputs)]
        floats = [array.dtype.kind == "f" for array in arrays]
        return [Tensor(a, f, dtype if f else a.dtype) for a, f in zip(arrays, floats, strict=True)]

    def call(self, layer: Layer, *tensors: Tensor) -> Tensor:
        """Call the layer on as many tensors as it takes; the others, such as its own parameters, are passed over."""
        np.random.seed(SEED)  # noqa: NPY002  dropout draws from the global state
        return layer(*tensors[: len(self.inputs)], **self.options)
