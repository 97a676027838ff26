"""Convolutions read handwritten digits better."""

from __future__ import annotations

from tinytorch.capstone.milestones.classifier import Recipe, enlarged_digits, train_classifier
from tinytorch.capstone.milestones.milestone import Goal, Milestone, Outcome, Run
from tinytorch.core.augmentation import BatchCrop
from tinytorch.core.spatial import LeNet

__all__ = ["CNN_MNIST"]

RECIPE = Recipe(epochs=10, batch_size=64, learning_rate=0.002, changes=(BatchCrop(2),))


def _run(run: Run) -> Outcome:
    return train_classifier(run, LeNet, "mnist", RECIPE, enlarged_digits(factor=3, padding=2, channels=1))


CNN_MNIST = Milestone(
    name="cnn-mnist",
    year=1998,
    title="a convolutional network of LeNet's kind reads MNIST",
    source="Y. LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition",
    goal=Goal("more", 0.99),
    run=_run,
)
