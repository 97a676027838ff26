"""The models that a submission can be about without any further code."""

from __future__ import annotations

import math
from itertools import chain, pairwise

import numpy as np

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d, Flatten, MaxPool2d
from tinytorch.core.tensor import Tensor

__all__ = ["ImageMLP", "PhotoCNN", "SimpleMLP"]

INITIAL_STD = 0.01


class SimpleMLP(Layer):
    """A classifier of one hidden layer: linear, ReLU, linear.

    Takes (..., input_size), gives (..., output_size). The weights are drawn from N(0, 0.01^2) with NumPy's global
    state, the biases are 0: small enough that an untrained model prefers no class, and slow to train from.

    Attributes:
        fc1: The hidden layer, of weight (input_size, hidden_size).
        relu: What stands between.
        fc2: The output layer, of weight (hidden_size, output_size).

    Example:
        >>> SimpleMLP().count_parameters()
        283
    """

    def __init__(self, input_size: int = 10, hidden_size: int = 20, output_size: int = 3) -> None:
        self.fc1 = Linear(input_size, hidden_size)
        self.relu = ReLU()
        self.fc2 = Linear(hidden_size, output_size)
        for layer in (self.fc1, self.fc2):
            drawn = np.random.standard_normal(layer.weight.shape)  # noqa: NPY002  seeded by np.random.seed
            layer.weight.data = (INITIAL_STD * drawn).astype(np.float32)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2.forward(self.relu.forward(self.fc1.forward(x)))

    def count_parameters(self) -> int:
        """Count the numbers in all parameters."""
        return sum(parameter.size for parameter in self.parameters())


class ImageMLP(Sequential):
    """A classifier of images with two hidden layers and dropout.

    Takes (n, channels, height, width), `pixels` numbers an image; gives (n, classes).

    Example:
        >>> ImageMLP(784)(Tensor(np.zeros((2, 1, 28, 28)))).shape
        (2, 10)
    """

    def __init__(
        self, pixels: int = 784, hidden: tuple[int, int] = (512, 256), classes: int = 10, dropout: float = 0.2
    ) -> None:
        first, second = hidden
        super().__init__(
            *(Linear(pixels, first), ReLU(), Dropout(dropout)),
            *(Linear(first, second), ReLU(), Dropout(dropout)),
            Linear(second, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(-1, math.prod(x.shape[1:])))


class PhotoCNN(Sequential):
    """A classifier of colour photographs of 32x32 pixels: three convolutions that halve the picture, one linear layer.

    Takes (n, 3, 32, 32), gives (n, classes). Pooling comes before normalization and ReLU, which then have a quarter of
    the work.

    Example:
        >>> PhotoCNN()(Tensor(np.zeros((2, 3, 32, 32)))).shape
        (2, 10)
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128), classes: int = 10) -> None:
        channels = (3, *widths)
        stages = [self._stage(*pair) for pair in pairwise(channels)]
        super().__init__(*chain.from_iterable(stages), Flatten(), Linear(widths[-1] * 4 * 4, classes))

    def _stage(self, before: int, after: int) -> list[Layer]:
        # A bias would be taken off again by the normalization.
        return [Conv2d(before, after, 3, padding=1, bias=False), MaxPool2d(2), BatchNorm2d(after), ReLU()]
