"""Labelled samples, in every form they come in."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch import Tensor, TensorDataset
from tinytorch.benchmarking.doors.datasets import labelled

X, Y = np.arange(6.0).reshape(3, 2), np.array([0, 2, 1])
FORMS = {
    "a pair of arrays": (X, Y),
    "a pair of lists": (X.tolist(), Y.tolist()),
    "a pair of tensors": (Tensor(X), Tensor(Y)),
    "labels in a column": {"X": X, "y": Y.reshape(3, 1)},
    "a dictionary": {"inputs": X, "labels": Y},
    "another dictionary": {"data": X, "targets": Y},
    "attributes": SimpleNamespace(X=X, y=Y),
    "a dataset of tensors": TensorDataset(Tensor(X), Tensor(Y)),
    "pairs of a sample and a label": list(zip(X, Y, strict=True)),
    "floats that are whole": (X, Y.astype(float)),
}
NONE = {
    "a name": {"name": "digits"},
    "nothing": None,
    "a text": "digits",
    "an empty list": [],
    "samples alone": X,
    "labels that are not whole": (X, Y + 0.5),
    "labels that are negative": (X, Y - 1),
    "labels that are not a number": (X, np.array([0.0, np.nan, 1.0])),
    "one label too few": (X, Y[:2]),
    "samples of different shapes": [([1.0], 0), ([1.0, 2.0], 1), ([3.0], 0)],
    "texts as samples": (["a", "b"], [0, 1]),
}


@pytest.mark.parametrize("dataset", FORMS.values(), ids=FORMS)
def test_samples_and_labels_are_found(dataset):
    """As arrays, labels as whole numbers."""
    samples, labels = labelled(dataset)
    assert (samples.tolist(), labels.tolist(), labels.dtype) == (X.tolist(), Y.tolist(), np.int64)


@pytest.mark.parametrize("dataset", NONE.values(), ids=NONE)
def test_where_there_are_none_none_are_made_up(dataset):
    """Nothing is measured on what is not there."""
    assert labelled(dataset) is None
