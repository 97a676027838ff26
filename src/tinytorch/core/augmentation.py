"""Whole batches of images: made into floats, shifted and mirrored at random, without a Python loop over images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from tinytorch.core.dataloader import Dataset
from tinytorch.core.layers import require_count, require_ratio
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["BatchCrop", "BatchFlip", "ImageDataset"]

Array = NDArray[Any]


class BatchFlip:
    """Mirrors each image of a batch with probability `p`, left to right.

    Raises:
        RangeError: If `p` is outside [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        require_ratio("p", p)
        self.p = p

    def __call__(self, images: Array, rng: np.random.Generator) -> Array:
        chosen = rng.random(len(images)) < self.p
        return np.where(chosen[:, None, None, None], images[..., ::-1], images)


class BatchCrop:
    """Moves each image of a batch by up to `padding` pixels each way; what comes in at the edge is 0.

    It is what padding with zeros and cutting a window of the old size at a random place gives.

    Raises:
        RangeError: If `padding` is not a whole number above 0.
    """

    def __init__(self, padding: int = 4) -> None:
        require_count("padding", padding)
        self.padding = padding

    def __call__(self, images: Array, rng: np.random.Generator) -> Array:
        count, _, height, width = images.shape
        around = (self.padding, self.padding)
        padded = np.pad(images, ((0, 0), (0, 0), around, around))
        windows = sliding_window_view(padded, (height, width), axis=(2, 3))  # (N, C, 2p+1, 2p+1, H, W)
        top, left = rng.integers(0, 2 * self.padding + 1, size=(2, count))
        return windows[np.arange(count), :, top, left]  # (N, C, H, W)


class ImageDataset(Dataset):
    """Images of bytes that become floats batch by batch: a quarter of the memory, and time for random changes.

    A pixel becomes `(pixel / 255 - mean) / std`, channel by channel.

    Args:
        images: (n, channels, height, width) of uint8.
        labels: (n,) class indices.
        mean: One number a channel, of pixels in [0, 1].
        std: One number a channel.
        changes: Applied to each batch of bytes, one after the other; each takes the batch and a generator.
        seed: Decides the changes.

    Raises:
        ShapeError: If the images are not (n, channels, height, width), or the labels are not as many.
        RangeError: If a standard deviation is not above 0.

    Example:
        >>> data = ImageDataset(np.full((2, 1, 1, 1), 255, np.uint8), [3, 4], mean=[0.5], std=[0.5])
        >>> data[1]
        (Tensor([[[1.]]]), Tensor(4.))
    """

    def __init__(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        mean: ArrayLike = 0.0,
        std: ArrayLike = 1.0,
        changes: Sequence[Callable[[Array, np.random.Generator], Array]] = (),
        seed: int = 0,
    ) -> None:
        self.images, self.labels = np.asarray(images), np.asarray(labels)
        if self.images.ndim != 4 or self.labels.shape != self.images.shape[:1]:
            rule = "(n, channels, height, width) and (n,)"
            raise ShapeError(explain("the images and labels", rule, (self.images.shape, self.labels.shape)))
        if not np.all(np.asarray(std) > 0):
            raise RangeError(explain("std", "above 0", std))
        self.scale = _by_channel(1 / (255 * np.asarray(std)))
        self.shift = _by_channel(np.asarray(mean) / np.asarray(std))
        self.changes = tuple(changes)
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(explain("index", f"in [0, {len(self)})", index))
        image, label = self.batch([index])
        return image[0], label[0]

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Take many samples at once, each changed anew."""
        rows = np.asarray(indices, dtype=np.intp)
        images = self.images[rows]
        for change in self.changes:
            images = change(images, self.rng)
        return Tensor(images * self.scale - self.shift), Tensor(self.labels[rows])


def _by_channel(values: Array) -> Array:
    return np.asarray(values, dtype=np.float32).reshape(-1, 1, 1)
