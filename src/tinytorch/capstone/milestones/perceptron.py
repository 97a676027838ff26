"""Rosenblatt's perceptron tells two digits apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Run
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor
from tinytorch.datasets import Digits, load_digits

__all__ = ["PERCEPTRON"]

MOST_PASSES = 100


def _run(run: Run) -> Outcome:
    """Learn to tell the zeros from the ones among the packaged digits.

    A sample at a time: where it is on the wrong side, its pixels are added to the weights or taken from them. That is
    one step of gradient descent on max(0, -y s), where s is the weighted sum and y is 1 or -1.
    """
    digits = load_digits(seed=run.seed)
    inputs, signs = _pair(digits.train_images, digits.train_labels)
    layer = Linear(inputs.shape[1], 1)
    optimizer = SGD(layer.parameters(), lr=1.0)
    passes, mistakes = 0, -1
    while mistakes and passes < MOST_PASSES:
        mistakes, passes = _pass(layer, optimizer, inputs, signs), passes + 1
        run.tell("learning from mistakes", passes, MOST_PASSES, f"{mistakes} mistakes")
    figures = (
        Figure("accuracy on test images", _accuracy(layer, *_pair(digits.test_images, digits.test_labels)), "ratio"),
        Figure("accuracy on training images", _accuracy(layer, inputs, signs), "ratio"),
        Figure("passes until none was wrong", passes, "passes"),
    )
    return Outcome(figures, settings=_described(digits))


def _pair(images: Any, labels: Any) -> tuple[Any, Any]:
    chosen = labels < 2
    return images[chosen], np.where(labels[chosen] == 1, 1.0, -1.0).astype(np.float32)


def _pass(layer: Linear, optimizer: SGD, inputs: Any, signs: Any) -> int:
    mistakes = 0
    for x, sign in zip(inputs, signs, strict=True):
        loss = -(layer(Tensor(x[None])) * float(sign)).sum()
        if loss.data >= 0:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mistakes += 1
    return mistakes


def _accuracy(layer: Linear, inputs: Any, signs: Any) -> float:
    with no_grad():
        sums = layer(Tensor(inputs)).data[:, 0]
    return float((sums * signs > 0).mean())


def _described(digits: Digits) -> dict[str, Any]:
    return {"data": digits.name, "version": digits.version, "sha256": digits.sha256, "classes": [0, 1]}


PERCEPTRON = Milestone(
    name="perceptron",
    year=1958,
    title="one artificial neuron learns from its mistakes to tell zeros from ones",
    source="F. Rosenblatt (1958), The Perceptron: A Probabilistic Model for Information Storage and Organization",
    goal=Goal("more", 0.98),
    run=_run,
)
