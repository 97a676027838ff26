"""The data sets that accuracy is measured on again."""

from dataclasses import replace

import numpy as np
import pytest

from tinytorch.capstone.bundle import samples
from tinytorch.capstone.bundle.samples import DATASETS, known_samples
from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.milestones.classifier import enlarged_digits
from tinytorch.datasets import load_digits
from tinytorch.errors import DataError, RangeError

DIGITS = load_digits(seed=3)
DESCRIBED = {"name": "digits", "version": DIGITS.version, "sha256": DIGITS.sha256, "split_seed": 3}


def test_the_digits_are_split_as_they_were():
    """By the seed that the submission has."""
    found = known_samples(DESCRIBED | {"sample_count": 359})
    assert np.array_equal(found.inputs, DIGITS.test_images)
    assert np.array_equal(found.labels, DIGITS.test_labels)
    assert not np.array_equal(known_samples(DESCRIBED | {"split_seed": 4}).labels, found.labels)


@pytest.mark.parametrize("member", ["version", "sha256", "sample_count"])
def test_another_edition_is_refused(member):
    """By its version, its hash or its size."""
    with pytest.raises(DataError, match=rf"{member} must be that of the digits here"):
        known_samples(DESCRIBED | {member: "another"})


def test_an_unknown_data_set_is_refused():
    """With those that are known."""
    with pytest.raises(RangeError, match="one of digits, mnist, fashion-mnist, cifar10; got 'weather'"):
        known_samples({"name": "weather"})
    assert "mnist" in DATASETS


def test_images_have_the_mean_and_spread_of_those_for_training(monkeypatch):
    """As the search prepares them, to the last bit."""
    from tinytorch.capstone.search.known import _normalized

    data = replace(enlarged_digits(3, 2, 1, count=50), name="mnist")
    monkeypatch.setattr(samples, "load_images", lambda name, path: data)
    found = known_samples({"name": "mnist", "version": data.version, "sha256": data.sha256})
    labelled = Labelled(data.test_images, data.test_labels)
    mean, spread = data.train_images.mean() / 255, data.train_images.std() / 255
    assert np.array_equal(found.inputs, _normalized(labelled, mean, spread).inputs)
