"""Random changes of whole batches of images."""

import numpy as np
import pytest

from tinytorch.core.augmentation import BatchCrop, BatchFlip, ImageDataset
from tinytorch.core.dataloader import DataLoader
from tinytorch.errors import RangeError, ShapeError

IMAGES = np.arange(1, 1 + 2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)


@pytest.fixture
def rng():
    """Give a generator."""
    return np.random.default_rng(0)


@pytest.mark.parametrize(("p", "expected"), [(0.0, IMAGES), (1.0, IMAGES[..., ::-1])])
def test_a_flip_mirrors_left_and_right(rng, p, expected):
    """All or none, at the ends of probability."""
    assert np.array_equal(BatchFlip(p)(IMAGES, rng), expected)


def test_each_image_is_flipped_or_not_by_itself(rng):
    """A batch is not flipped as one."""
    batch = np.repeat(IMAGES[:1], 200, axis=0)
    flipped = (BatchFlip(0.5)(batch, rng) == IMAGES[:1, ..., ::-1]).all(axis=(1, 2, 3))
    assert 60 < flipped.sum() < 140


def test_a_crop_is_each_of_its_places_and_no_other(rng):
    """A window of the padded image, at one place in all channels."""
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (1, 1)))
    places = {padded[0, :, top : top + 4, left : left + 5].tobytes() for top in range(3) for left in range(3)}
    batch = np.repeat(IMAGES[:1], 300, axis=0)
    assert {image.tobytes() for image in BatchCrop(1)(batch, rng)} == places


def test_pixels_become_floats_channel_by_channel():
    """Of mean 0 and standard deviation 1, with the data's own numbers."""
    mean, std = IMAGES.mean(axis=(0, 2, 3)) / 255, IMAGES.std(axis=(0, 2, 3)) / 255
    images, labels = ImageDataset(IMAGES, [7, 8], mean=mean, std=std).batch([0, 1])
    assert (images.dtype, labels.tolist()) == (np.float32, [7, 8])
    assert images.data.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(3), abs=1e-6)
    assert images.data.std(axis=(0, 2, 3)) == pytest.approx(np.ones(3), abs=1e-6)


def test_a_loader_takes_whole_batches():
    """And each pass changes the images anew, by the data set's own seed."""
    data = [ImageDataset(IMAGES, [0, 1], changes=[BatchCrop(2), BatchFlip()], seed=3) for _ in range(2)]
    passes = [[images.data.tobytes() for _ in range(3) for images, _ in DataLoader(one, 2)] for one in data]
    assert passes[0] == passes[1]
    assert len(set(passes[0])) == 3


def test_one_sample_is_a_batch_of_one():
    """Without the batch's axis."""
    image, label = ImageDataset(IMAGES, [0, 1])[1]
    assert image.data == pytest.approx(IMAGES[1] / 255, rel=1e-6)
    assert (label.shape, float(label.data)) == ((), 1.0)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_out_of_range_is_refused(index):
    """So that loops over a data set end."""
    with pytest.raises(IndexError, match=r"\[0, 2\)"):
        ImageDataset(IMAGES, [0, 1])[index]


@pytest.mark.parametrize(("images", "labels"), [(IMAGES[0], [0, 1]), (IMAGES, [0]), (IMAGES, [[0, 1]])])
def test_shapes_that_do_not_fit_are_refused(images, labels):
    """Both are named."""
    with pytest.raises(ShapeError, match="the images and labels must be"):
        ImageDataset(images, labels)


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan"), [1.0, 0.0, 1.0]])
def test_a_deviation_that_is_not_above_0_is_refused(std):
    """It divides."""
    with pytest.raises(RangeError, match="std must be above 0"):
        ImageDataset(IMAGES, [0, 1], std=std)


@pytest.mark.parametrize("make", [lambda: BatchFlip(1.5), lambda: BatchCrop(0), lambda: BatchCrop(1.5)])
def test_numbers_out_of_range_are_refused(make):
    """As in the forms for single images."""
    with pytest.raises(RangeError, match="must be"):
        make()
