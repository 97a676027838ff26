"""The arithmetic of optimizers' steps, on arrays: what changes one parameter by its gradient, in place.

`UPDATES` lists them by name. A lower floor may put a compiled twin in the place of one, by `Update.use`; an optimizer
looks its update up once a parameter and step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["UPDATES", "AdamRates", "Update", "adam", "sgd"]

Array = NDArray[Any]


class Update:
    """One entry of the list.

    Attributes:
        run: The function as it was written; it defines the update.
        in_force: The function that optimizers run: `run`, or a twin of it.
    """

    def __init__(self, run: Callable[..., None]) -> None:
        self.run = run
        self.in_force = run

    def use(self, run: Callable[..., None]) -> None:
        """Let optimizers run another function, in all threads: one that does what `run` does, only faster."""
        self.in_force = run


class AdamRates(NamedTuple):
    """The numbers of one step of Adam, the same for all elements.

    Attributes:
        beta1: What is kept of the mean of gradients.
        beta2: What is kept of the mean of their squares.
        scale: √(1 - β2ᵗ), which takes the start at 0 out of the root of the squares.
        eps: Added to that root.
        rate: lr / (1 - β1ᵗ), which takes the start at 0 out of the mean.
        decay: The share of the parameter that is added to its gradient.
        kept: What is kept of the parameter after the step.
    """

    beta1: float
    beta2: float
    scale: float
    eps: float
    rate: float
    decay: float
    kept: float


def sgd(data: Array, gradient: Array, buffer: Array | None, rates: tuple[float, float, float]) -> None:
    """Do one step of gradient descent.

    Args:
        data: The parameter, changed.
        gradient: Of its shape and kind.
        buffer: Of its shape and kind, changed; None without momentum.
        rates: The learning rate, what is kept of the buffer, the share of the parameter that is added to its gradient.
    """
    lr, momentum, decay = rates
    change = gradient + decay * data if decay else gradient
    if buffer is not None:
        buffer *= momentum
        buffer += change
        change = buffer
    data -= lr * change


def adam(data: Array, gradient: Array, m: Array, v: Array, rates: AdamRates) -> None:
    """Do one step of Adam.

    Args:
        data: The parameter, changed.
        gradient: Of its shape and kind.
        m: The mean of gradients, of its shape and kind, changed.
        v: The mean of their squares, of its shape and kind, changed.
        rates: The numbers of this step.
    """
    if rates.decay:
        gradient = gradient + rates.decay * data
    m *= rates.beta1
    m += (1 - rates.beta1) * gradient
    v *= rates.beta2
    square = np.asarray(gradient * gradient)  # of 0-d arrays NumPy makes a scalar, which takes no `out`
    square *= 1 - rates.beta2
    v += square
    # sqrt(v / c) + eps as (sqrt(v) / sqrt(c)) + eps, in the memory of `square`: one pass less
    np.sqrt(v, out=square)
    square /= rates.scale
    square += rates.eps
    np.divide(m, square, out=square)
    square *= rates.rate
    data -= square
    if rates.kept != 1:
        data *= rates.kept


UPDATES = {"adam": Update(adam), "sgd": Update(sgd)}
