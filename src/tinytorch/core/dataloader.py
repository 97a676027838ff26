"""Data sets, batches of them, and random changes to images."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.layers import require_count, require_ratio
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["Compose", "DataLoader", "Dataset", "RandomCrop", "RandomHorizontalFlip", "TensorDataset"]

Array = NDArray[Any]
Image = Any  # an array or a tensor; what comes in decides what comes out


class Dataset(ABC):
    """Samples that can be counted and taken by index."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Any: ...


class TensorDataset(Dataset):
    """Samples along the first axis of tensors of one length.

    Raises:
        AssertionError: If no tensor is given.
        ShapeError: If the first sizes differ.

    Example:
        >>> TensorDataset(Tensor([[1.0], [2.0]]), Tensor([0, 1]))[1]
        (Tensor([2.]), Tensor(1.))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise AssertionError(explain("a TensorDataset", "made of at least one tensor", "none"))
        sizes = [len(tensor.data) if tensor.data.ndim else 0 for tensor in tensors]
        if len(set(sizes)) != 1 or not all(tensor.data.ndim for tensor in tensors):
            remedy = "Every tensor holds one entry a sample along its first axis."
            raise ShapeError(explain("the tensors", "of one first size", [t.shape for t in tensors], remedy=remedy))
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0].data)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        if not 0 <= index < len(self):
            raise IndexError(explain("index", f"in [0, {len(self)})", index))
        return tuple(tensor[index] for tensor in self.tensors)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Take many samples at once: one indexing a tensor instead of one a sample."""
        rows = np.asarray(indices, dtype=np.intp)
        return tuple(_wrapped(tensor.data[rows]) for tensor in self.tensors)


class DataLoader:
    """Batches of a data set, as tuples of tensors stacked along a new first axis.

    Args:
        dataset: Anything with `__len__` and `__getitem__`. One that has `batch(indices)` is asked for a whole batch.
        batch_size: Samples a batch.
        shuffle: Take the samples in a new order each time, drawn from Python's `random`.
        drop_last: Leave out a last batch that is not full.
        seed: Shuffle by a generator of the loader's own, so that its orders do not depend on other draws.

    Raises:
        RangeError: If `batch_size` is not a whole number above 0.

    Example:
        >>> loader = DataLoader(TensorDataset(Tensor([[1.0], [2.0], [3.0]])), batch_size=2)
        >>> [batch.shape for (batch,) in loader]
        [(2, 1), (1, 1)]
    """

    def __init__(
        self, dataset: Any, batch_size: int, shuffle: bool = False, *, drop_last: bool = False, seed: int | None = None
    ) -> None:
        require_count("batch_size", batch_size)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator: Any = random if seed is None else random.Random(seed)  # noqa: S311  orders, not secrets

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = list(range(len(self.dataset)))
        if self.shuffle:
            self.generator.shuffle(order)
        take = self._stacked if _has_own_items(self.dataset) else getattr(self.dataset, "batch", self._stacked)
        for number in range(len(self)):
            yield take(order[number * self.batch_size : (number + 1) * self.batch_size])

    def _stacked(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        samples = [self.dataset[index] for index in indices]
        columns = zip(*(sample if isinstance(sample, tuple | list) else (sample,) for sample in samples), strict=True)
        return tuple(_stack(column) for column in columns)


def _has_own_items(dataset: Any) -> bool:
    """Say whether a subclass changed what an item is, such as by a random crop, and left `batch` as it was."""
    kind = type(dataset)
    return (
        isinstance(dataset, TensorDataset)
        and kind.__getitem__ is not TensorDataset.__getitem__
        and kind.batch is TensorDataset.batch
    )


def _stack(parts: Sequence[Any]) -> Tensor:
    arrays = [part.data if isinstance(part, Tensor) else np.asarray(part) for part in parts]
    if len({array.shape for array in arrays}) > 1:
        shapes = sorted({array.shape for array in arrays})
        remedy = "Crop or pad them to one size first."
        raise ShapeError(explain("the samples of a batch", "of one shape", shapes, remedy=remedy))
    return Tensor(np.stack(arrays), dtype=parts[0].dtype if isinstance(parts[0], Tensor) else None)


def _wrapped(array: Array) -> Tensor:
    tensor: Tensor = object.__new__(Tensor)
    tensor.data = array  # indexing with an array has copied already
    return tensor


class Compose:
    """Transforms one after the other."""

    def __init__(self, transforms: Iterable[Callable[[Image], Image]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Image) -> Image:
        for transform in self.transforms:
            image = transform(image)
        return image


class RandomHorizontalFlip:
    """Reverses the last axis with probability `p`, drawn from NumPy's global state.

    Raises:
        RangeError: If `p` is outside [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        require_ratio("p", p)
        self.p = p

    def __call__(self, image: Image) -> Image:
        flip = np.random.random_sample() < self.p  # noqa: NPY002  seeded by np.random.seed
        return _like(image, np.flip(_array(image), axis=-1).copy()) if flip else image


Layout = Literal["HW", "CHW", "HWC"]


class RandomCrop:
    """Surrounds an image with `padding` zeros and cuts out a window of `size` at a random place.

    Args:
        size: Height and width, or one number for both.
        padding: Zeros added on each side.
        layout: Which axes are height and width. Left out, 2-D is HW, and 3-D is CHW if the first size is at most 4
            and HWC otherwise; a guess that an image of 4 rows defeats, so name it where you can.

    Raises:
        RangeError: If `size`, `padding` or `layout` makes no sense.
        ShapeError: If the padded image is smaller than the window, or not 2-D or 3-D.
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 4, *, layout: Layout | None = None) -> None:
        self.size = (size, size) if isinstance(size, int | np.integer) else tuple(size)
        if len(self.size) != 2:
            raise RangeError(explain("size", "one number, or a height and a width", size))
        for name, number in zip(("the height", "the width"), self.size, strict=True):
            require_count(name, number)
        if isinstance(padding, bool) or not isinstance(padding, int | np.integer) or padding < 0:
            raise RangeError(explain("padding", "a whole number of at least 0", padding))
        if layout not in {None, "HW", "CHW", "HWC"}:
            raise RangeError(explain("layout", "HW, CHW or HWC", layout))
        self.padding = padding
        self.layout = layout

    def __call__(self, image: Image) -> Image:
        array = _array(image)
        row = self._row_axis(array)
        widths = [(self.padding, self.padding) if axis in {row, row + 1} else (0, 0) for axis in range(array.ndim)]
        padded = np.pad(array, widths)
        top, left = (self._offset(padded.shape[row + n], self.size[n]) for n in (0, 1))
        window = (slice(top, top + self.size[0]), slice(left, left + self.size[1]))
        return _like(image, padded[(slice(None),) * row + window].copy())

    def _row_axis(self, array: Array) -> int:
        layout = self.layout
        if layout is None and array.ndim in {2, 3}:
            layout = "HW" if array.ndim == 2 else "CHW" if array.shape[0] <= 4 else "HWC"
        if layout is None or array.ndim != len(layout):
            raise ShapeError(explain("the image", layout or "HW, CHW or HWC", f"the shape {array.shape}"))
        return layout.index("H")

    def _offset(self, there: int, wanted: int) -> int:
        if there < wanted:
            remedy = "Take a smaller size or more padding."
            raise ShapeError(explain("the padded image", f"at least {wanted} wide and high", there, remedy=remedy))
        return int(np.random.randint(there - wanted + 1))  # noqa: NPY002  seeded by np.random.seed


def _array(image: Image) -> Array:
    array: Array = image.data if isinstance(image, Tensor) else np.asarray(image)
    return array


def _like(image: Image, array: Array) -> Image:
    return Tensor(array, dtype=array.dtype) if isinstance(image, Tensor) else array
