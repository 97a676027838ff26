"""The digits that travel with the package."""

import hashlib

import numpy as np
import pytest

from tinytorch.datasets import digits as module
from tinytorch.datasets import load_digits
from tinytorch.errors import DataError


def test_all_1797_images_are_there_once():
    """The two parts together are the published test part: nothing lost, nothing repeated."""
    data = load_digits()
    images = np.concatenate([data.train_images, data.test_images])
    assert images.shape == (1797, 64)
    assert len(np.unique(images, axis=0)) == 1797


def test_the_classes_have_the_published_sizes():
    """The counts per class are those of the repository's description."""
    data = load_digits()
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_pixels_are_float32_between_0_and_1():
    """Users feed the images to a network as they are."""
    images = load_digits().train_images
    assert (images.dtype, images.min(), images.max()) == (np.float32, 0.0, 1.0)


def test_labels_are_int64():
    """Labels are class indices."""
    data = load_digits()
    assert (data.train_labels.dtype, data.test_labels.dtype) == (np.int64, np.int64)


def test_every_class_is_held_out_in_the_same_proportion():
    """The split is stratified: each class gives a fifth, to the nearest image."""
    data = load_digits(test_fraction=0.2)
    assert np.bincount(data.test_labels).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_the_same_seed_gives_the_same_arrays():
    """A result can be had again."""
    first, second = load_digits(seed=3), load_digits(seed=3)
    assert np.array_equal(first.train_images, second.train_images)
    assert np.array_equal(first.test_labels, second.test_labels)


def test_the_default_split_never_changes():
    """Submissions name the split by its seed, so it must be the same in every version."""
    data = load_digits()
    assert hashlib.sha256(data.test_images.tobytes()).hexdigest()[:16] == "de7b03f6f107f1ba"


def test_another_seed_gives_another_split():
    """The seed decides the split."""
    assert not np.array_equal(load_digits(seed=0).test_images, load_digits(seed=1).test_images)


def test_the_data_names_its_edition_and_hash():
    """A report can say which data it was measured on."""
    data = load_digits()
    packaged = hashlib.sha256(module.FILE.read_bytes()).hexdigest()
    assert (data.name, data.version, data.sha256) == ("digits", "uci-optdigits-1998-test", packaged)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 20.0, float("nan"), float("inf")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    """An empty part, a percentage and NaN are refused, with the rule."""
    with pytest.raises(DataError, match=r"test_fraction must be a ratio in \(0, 1\)"):
        load_digits(test_fraction=fraction)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, "0"])
def test_a_seed_that_is_no_natural_number_is_refused(seed):
    """A seed must be repeatable: None would mean a new split on every call."""
    with pytest.raises(DataError, match="seed must be"):
        load_digits(seed=seed)


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    """A broken installation is told from a broken program."""
    monkeypatch.setattr(module, "FILE", tmp_path / "digits.csv.gz")
    with pytest.raises(DataError, match=r"digits\.csv\.gz.*Reinstall tinytorch"):
        load_digits()


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty"])
def test_a_damaged_file_is_refused_before_it_is_parsed(monkeypatch, tmp_path, damage):
    """A file that is not the published one never becomes data."""
    raw = module.FILE.read_bytes()
    flipped = raw[:9000] + bytes([raw[9000] ^ 1]) + raw[9001:]
    damaged = {"truncated": raw[:-100], "one bit": flipped, "empty": b""}[damage]
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(damaged)
    monkeypatch.setattr(module, "FILE", path)
    with pytest.raises(DataError, match="must be the published file, of SHA-256"):
        load_digits()
