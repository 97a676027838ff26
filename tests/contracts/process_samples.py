"""Factories that worker processes of the tests import."""

import numpy as np

from tinytorch.core.layers import Linear
from tinytorch.core.tensor import Tensor


def make_classifier():
    """Make a model that gives its inputs back, with four samples of which three are right."""
    model = Linear(4, 4, bias=False)
    model.weight.data = np.eye(4, dtype=np.float32)
    return model, Tensor(np.eye(4)), [0, 1, 2, 0]


def make_call():
    """Make a bare call."""
    return lambda: sum(range(100))
