"""Layers for images, and the classic networks of them. Images are (N, C, H, W): batch, channels, height, width."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import HE_SCALE_FACTOR, Layer, Linear, Sequential, require_count, require_ratio
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = [
    "DEFAULT_KERNEL_SIZE",
    "DEFAULT_PADDING",
    "DEFAULT_STRIDE",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "Flatten",
    "LeNet",
    "MaxPool2d",
    "SimpleCNN",
]

DEFAULT_KERNEL_SIZE = 3
DEFAULT_STRIDE = 1
DEFAULT_PADDING = 0

Array = NDArray[Any]
Size = int | tuple[int, int]


class Conv2d(Layer):
    """The cross-correlation of images with learned kernels, zeros around them.

    Takes (N, in_channels, H, W), gives (N, out_channels, rows, columns), where
    `rows = floor((H + 2 * padding - kernel height) / stride) + 1`, columns likewise.

    Attributes:
        kernel_size: (height, width), also when one number was given.
        weight: (out_channels, in_channels, height, width), drawn from N(0, 2 / (in_channels * height * width)) with
            NumPy's global state.
        bias: (out_channels,) zeros, or None.

    Raises:
        RangeError: If a count or size is not a whole number above 0, or the padding is not one of at least 0.

    Example:
        >>> Conv2d(3, 8, 3, padding=1)(Tensor(np.zeros((2, 3, 32, 32)))).shape
        (2, 8, 32, 32)

    Source:
        K. He, X. Zhang, S. Ren, J. Sun (2015), Delving Deep into Rectifiers, equation 10, for the weights' variance.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = DEFAULT_KERNEL_SIZE,
        stride: int = DEFAULT_STRIDE,
        padding: int = DEFAULT_PADDING,
        bias: bool = True,
    ) -> None:
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels), ("stride", stride)):
            require_count(name, count)
        _require_padding(padding)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride = stride
        self.padding = padding
        shape = (out_channels, in_channels, *self.kernel_size)
        scale = math.sqrt(HE_SCALE_FACTOR / math.prod(shape[1:]))
        self.weight = Tensor(np.random.standard_normal(shape) * scale, requires_grad=True)  # noqa: NPY002  seeded by np.random.seed
        self.bias = Tensor(np.zeros(out_channels), requires_grad=True) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        inputs = (x, self.weight) if self.bias is None else (x, self.weight, self.bias)
        return ops.conv2d(*inputs, stride=self.stride, padding=self.padding)

    def __repr__(self) -> str:
        start = f"Conv2d({self.in_channels}, {self.out_channels}, {_shown(self.kernel_size)}"
        ending = "" if self.bias is not None else ", bias=False"
        return f"{start}, stride={self.stride}, padding={self.padding}{ending})"


class Pool(Layer):
    """What both ways of pooling share."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: int = 0) -> None:
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride: Size = _plain(self.kernel_size if stride is None else _pair("stride", stride))
        _require_padding(padding)
        self.padding = padding

    def __repr__(self) -> str:
        sizes = f"{_shown(self.kernel_size)}, stride={self.stride}, padding={self.padding}"
        return f"{type(self).__name__}({sizes})"


class MaxPool2d(Pool):
    """The largest element of each window; the gradient goes to the first of them, row by row.

    Takes (N, C, H, W), gives (N, C, rows, columns), counted as for `Conv2d`. What is padded is minus infinity, and at
    most half of the kernel.

    Attributes:
        kernel_size: (height, width), also when one number was given.
        stride: One number, or (down, across); the kernel's size unless told otherwise.

    Example:
        >>> MaxPool2d(2)(Tensor([[[[1.0, 2.0], [4.0, 3.0]]]])).tolist()
        [[[[4.0]]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.max_pool2d(x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding)


class AvgPool2d(Pool):
    """The mean of each window, in which zeros of the padding count.

    Takes (N, C, H, W), gives (N, C, rows, columns), counted as for `Conv2d`. The padding is at most half of the kernel.

    Attributes:
        kernel_size: (height, width), also when one number was given.
        stride: One number, or (down, across); the kernel's size unless told otherwise.

    Example:
        >>> AvgPool2d(2)(Tensor([[[[1.0, 2.0], [4.0, 3.0]]]])).tolist()
        [[[[2.5]]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.avg_pool2d(x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding)


class BatchNorm2d(Layer):
    """Gives every channel mean 0 and variance 1, then `* gamma + beta`.

    Takes and gives (N, num_features, H, W). While training, the mean and the biased variance are those of the batch,
    and the running ones follow them: `running = (1 - momentum) * running + momentum * batch`. After `eval()`, the
    running ones are used, so that an image's result does not depend on the others.

    Attributes:
        gamma: (num_features,) ones.
        beta: (num_features,) zeros.
        running_mean: (num_features,), an array of zeros at first.
        running_var: (num_features,), an array of ones at first; of biased variances.

    Raises:
        RangeError: If `num_features` is not a whole number above 0, `eps` is not a finite number of at least 0, or
            `momentum` is outside [0, 1].

    Source:
        S. Ioffe, C. Szegedy (2015), Batch Normalization.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        require_count("num_features", num_features)
        require_ratio("momentum", momentum)
        if not 0 <= eps < math.inf:
            raise RangeError(explain("eps", "a finite number of at least 0", eps))
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.gamma = Tensor(np.ones(num_features), requires_grad=True)
        self.beta = Tensor(np.zeros(num_features), requires_grad=True)
        self.running_mean = np.zeros(num_features, np.float32)
        self.running_var = np.ones(num_features, np.float32)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.num_features:
            rule = f"of shape (N, {self.num_features}, H, W)"
            raise ShapeError(explain(f"the input of {self!r}", rule, x.shape))
        if self.training:
            return ops.batch_norm(x, self.gamma, self.beta, eps=self.eps, observe=self._follow)
        fixed = {"mean": self.running_mean, "variance": self.running_var}
        return ops.batch_norm(x, self.gamma, self.beta, **fixed, eps=self.eps)

    def _follow(self, mean: Array, variance: Array) -> None:
        self.running_mean += self.momentum * (mean - self.running_mean)  # in place: a traced graph holds the arrays
        self.running_var += self.momentum * (variance - self.running_var)

    def __repr__(self) -> str:
        return f"BatchNorm2d({self.num_features}, eps={self.eps}, momentum={self.momentum})"


class Flatten(Layer):
    """All axes after the first in one: (N, ...) to (N, features).

    Example:
        >>> Flatten()(Tensor(np.zeros((2, 3, 4, 4)))).shape
        (2, 48)
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, math.prod(x.shape[1:]))  # no number of images in it: a traced graph takes any


class SimpleCNN(Layer):
    """Two blocks of convolution, ReLU and pooling that turn colour images into features.

    Takes (N, 3, H, W), gives (N, 32 * (H // 4) * (W // 4)): 2,048 features of a 32 x 32 image. There is no classifier
    inside, since its size depends on the images': put `Linear(features, model.num_classes)` behind, and train both.

    Attributes:
        num_classes: How many classes the classifier behind it shall tell apart; nothing else here depends on it.
        conv1: 3 to 16 channels, 3 x 3.
        conv2: 16 to 32 channels, 3 x 3.

    Raises:
        RangeError: If `num_classes` is not a whole number above 0.

    Example:
        >>> features = SimpleCNN(num_classes=10)
        >>> Sequential(features, Linear(512, features.num_classes))(Tensor(np.zeros((1, 3, 16, 16)))).shape
        (1, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        require_count("num_classes", num_classes)
        self.num_classes = num_classes
        self.conv1 = Conv2d(3, 16, 3, padding=1)
        self.conv2 = Conv2d(16, 32, 3, padding=1)
        self.relu = ReLU()
        self.pool = MaxPool2d(2)
        self.flatten = Flatten()

    def forward(self, x: Tensor) -> Tensor:
        for conv in (self.conv1, self.conv2):
            x = self.pool.forward(self.relu.forward(conv.forward(x)))
        return self.flatten.forward(x)

    def __repr__(self) -> str:
        return f"SimpleCNN({self.num_classes})"


class LeNet(Layer):
    """A classifier in the style of LeNet-5: two convolutions with pooling, three linear layers.

    Takes (N, in_channels, image_size, image_size), gives logits (N, num_classes). It has ReLU and max pooling where
    the original had scaled tanh and learned averages, and no hand-made connections between maps.

    Args:
        num_classes: How many logits.
        in_channels: 1 for grey images.
        image_size: Height and width, at least 12: 28 for MNIST.

    Raises:
        RangeError: If a count is not a whole number above 0, or the images are too small.

    Example:
        >>> LeNet()(Tensor(np.zeros((2, 1, 28, 28)))).shape
        (2, 10)

    Source:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-Based Learning Applied to Document Recognition.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, image_size: int = 28) -> None:
        for name, count in (("num_classes", num_classes), ("in_channels", in_channels), ("image_size", image_size)):
            require_count(name, count)
        side = (image_size // 2 - 4) // 2  # halved, less what the second kernel needs, halved
        if side < 1:
            raise RangeError(explain("image_size", "at least 12", image_size, remedy="Enlarge the images."))
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.image_size = image_size
        self.features = Sequential(
            *(Conv2d(in_channels, 6, 5, padding=2), ReLU(), MaxPool2d(2)),
            *(Conv2d(6, 16, 5), ReLU(), MaxPool2d(2)),
            Flatten(),
        )
        sizes = (16 * side * side, 120, 84, num_classes)
        self.classifier = Sequential(
            *(Linear(sizes[0], sizes[1]), ReLU()),
            *(Linear(sizes[1], sizes[2]), ReLU()),
            Linear(sizes[2], sizes[3]),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier.forward(self.features.forward(x))

    def __repr__(self) -> str:
        return f"LeNet({self.num_classes}, in_channels={self.in_channels}, image_size={self.image_size})"


def _pair(name: str, size: Size) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise RangeError(explain(name, "one whole number or two", size))
    for length in pair:
        require_count(name, length)
    return pair


def _plain(size: tuple[int, int]) -> Size:
    return size[0] if size[0] == size[1] else size


def _shown(size: tuple[int, int]) -> str:
    return repr(_plain(size))


def _require_padding(padding: Any) -> None:
    if isinstance(padding, bool) or not isinstance(padding, int | np.integer) or padding < 0:
        raise RangeError(explain("padding", "a whole number of at least 0", padding))
