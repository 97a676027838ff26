"""Convolutions tell apart what is in colour photographs."""

from __future__ import annotations

from tinytorch.capstone.milestones.classifier import Recipe, enlarged_digits, train_classifier
from tinytorch.capstone.milestones.milestone import Goal, Milestone, Outcome, Run
from tinytorch.capstone.models import PhotoCNN
from tinytorch.core.augmentation import BatchCrop, BatchFlip

__all__ = ["CNN_CIFAR10"]

RECIPE = Recipe(epochs=8, batch_size=64, learning_rate=0.003, weight_decay=0.05, changes=(BatchFlip(), BatchCrop(2)))


def _run(run: Run) -> Outcome:
    smoke = enlarged_digits(factor=4, padding=0, channels=3, count=100)
    return train_classifier(run, PhotoCNN, "cifar10", RECIPE, smoke)


CNN_CIFAR10 = Milestone(
    name="cnn-cifar10",
    year=2012,
    title="a convolutional network with batch normalization names what is in CIFAR-10's photographs",
    source="A. Krizhevsky, I. Sutskever, G. Hinton (2012), ImageNet Classification with Deep Convolutional Networks",
    goal=Goal("more", 0.75),
    run=_run,
)
