"""A network with hidden layers reads handwritten digits."""

from __future__ import annotations

from tinytorch.capstone.milestones.classifier import Recipe, enlarged_digits, train_classifier
from tinytorch.capstone.milestones.milestone import Goal, Milestone, Outcome, Run
from tinytorch.capstone.models import ImageMLP

__all__ = ["MLP_MNIST"]

PIXELS = 28 * 28
RECIPE = Recipe(epochs=20, batch_size=128, learning_rate=0.001)


def _run(run: Run) -> Outcome:
    smoke = enlarged_digits(factor=3, padding=2, channels=1)
    return train_classifier(run, lambda: ImageMLP(PIXELS), "mnist", RECIPE, smoke)


MLP_MNIST = Milestone(
    name="mlp-mnist",
    year=1986,
    title="a multi-layer perceptron, trained by back-propagation, reads MNIST",
    source="D. Rumelhart, G. Hinton, R. Williams (1986), Learning representations by back-propagating errors",
    goal=Goal("more", 0.98),
    run=_run,
)
