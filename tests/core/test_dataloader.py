"""Data sets, loaders and random changes to images."""

import random

import numpy as np
import pytest

from tinytorch.core.dataloader import Compose, DataLoader, Dataset, RandomCrop, RandomHorizontalFlip, TensorDataset
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError


class Squares(Dataset):
    """A data set without a fast path."""

    def __init__(self, tensors):
        self.inner = TensorDataset(*tensors)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index]


@pytest.fixture
def tensors():
    """Ten samples and their labels."""
    return Tensor(np.arange(20.0).reshape(10, 2)), Tensor(np.arange(10))


def labels(loader):
    return [batch[1].data.tolist() for batch in loader]


def test_a_data_set_must_say_its_length_and_its_items():
    """The base class cannot be made."""
    with pytest.raises(TypeError):
        Dataset()


def test_no_tensor_is_no_data_set():
    """The error is an AssertionError, as code expects."""
    with pytest.raises(AssertionError, match="at least one tensor"):
        TensorDataset()


def test_tensors_of_two_lengths_are_refused():
    """Both shapes are named."""
    with pytest.raises(ShapeError, match=r"\(3, 2\), \(4,\)"):
        TensorDataset(Tensor(np.ones((3, 2))), Tensor(np.ones(4)))


@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_out_of_range_is_refused(tensors, index):
    """Negative ones too."""
    with pytest.raises(IndexError, match=r"\[0, 10\)"):
        TensorDataset(*tensors)[index]


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_the_last_short_batch_is_kept_unless_told_otherwise(tensors, drop_last, sizes):
    """And the length says so."""
    loader = DataLoader(TensorDataset(*tensors), 4, drop_last=drop_last)
    assert ([len(x) for x, _ in loader], len(loader)) == (sizes, len(sizes))


def test_the_fast_path_gives_what_the_slow_one_does(tensors):
    """Whole batches by index, or sample by sample."""
    fast, slow = (DataLoader(data, 3, shuffle=True, seed=5) for data in (TensorDataset(*tensors), Squares(tensors)))
    for ours, theirs in zip(fast, slow, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a.shape, a.dtype, a.data.tolist()) == (b.shape, b.dtype, b.data.tolist())


def test_shuffling_draws_from_pythons_random(tensors):
    """`random.seed` decides the order; the next pass has another."""
    loader = DataLoader(TensorDataset(*tensors), 10, shuffle=True)
    random.seed(3)
    first, second = labels(loader), labels(loader)
    random.seed(3)
    assert labels(loader) == first != second


def test_a_seed_of_its_own_makes_a_loader_independent(tensors):
    """Other draws do not change the order."""
    first = DataLoader(TensorDataset(*tensors), 10, shuffle=True, seed=1)
    random.seed(8)
    second = DataLoader(TensorDataset(*tensors), 10, shuffle=True, seed=1)
    assert labels(first) == labels(second)
    assert sorted(labels(first)[0]) == list(range(10))


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_batch_size_must_be_a_whole_number_above_0(tensors, size):
    """The value is named."""
    with pytest.raises(RangeError, match="batch_size must be a whole number above 0"):
        DataLoader(TensorDataset(*tensors), size)


@pytest.mark.parametrize("wrap", [np.asarray, Tensor])
def test_a_flip_reverses_the_last_axis_and_keeps_the_type(wrap):
    """An array stays an array, a tensor a tensor."""
    image = wrap(np.arange(12.0, dtype=np.float32).reshape(3, 2, 2))
    flipped = RandomHorizontalFlip(1.0)(image)
    assert type(flipped) is type(image)
    assert np.array_equal(np.asarray(flipped), np.asarray(image)[..., ::-1])
    assert RandomHorizontalFlip(0.0)(image) is image


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_probability_outside_0_and_1_is_refused(p):
    """NaN too."""
    with pytest.raises(ValueError, match="p must be a ratio"):
        RandomHorizontalFlip(p)


CROPS = [("HW", (9, 7), 0), ("CHW", (3, 9, 7), 1), ("HWC", (9, 7, 3), 0), (None, (3, 9, 7), 1), (None, (9, 7, 3), 0)]


@pytest.mark.parametrize(("layout", "shape", "row"), CROPS)
def test_a_crop_is_a_window_of_the_padded_image(layout, shape, row):
    """Of every place it can have, whatever the sizes, and of no other."""
    image = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    widths = [(1, 1) if axis in {row, row + 1} else (0, 0) for axis in range(len(shape))]
    padded = np.lib.stride_tricks.sliding_window_view(np.pad(image, widths), (4, 5), axis=(row, row + 1))
    windows = np.moveaxis(padded, (row, row + 1), (0, 1)).reshape(8 * 5, *padded.shape[:row], *padded.shape[row + 2 :])
    places = {np.moveaxis(w, (-2, -1), (row, row + 1)).tobytes() for w in windows}
    np.random.seed(0)  # noqa: NPY002  what crops draw from
    crop = RandomCrop((4, 5), padding=1, layout=layout)
    found = {crop(image).tobytes() for _ in range(600)}
    assert found == places


def test_a_crop_larger_than_the_image_is_refused():
    """The remedy is said."""
    with pytest.raises(ShapeError, match="more padding"):
        RandomCrop(9, padding=0)(np.ones((4, 4)))


def test_an_image_of_one_axis_is_refused():
    """It has no height."""
    with pytest.raises(ShapeError, match="HW, CHW or HWC"):
        RandomCrop(2)(np.ones(4))


def test_transforms_are_applied_in_order():
    """The second sees what the first made."""
    assert Compose([lambda x: x + 1, lambda x: x * 2])(3) == 8
