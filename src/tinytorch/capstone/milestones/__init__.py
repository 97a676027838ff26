"""Steps in the history of the field, done again on this framework, each with a figure."""

from types import MappingProxyType

from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Result, Run, run_milestone
from tinytorch.capstone.milestones.mlp_mnist import MLP_MNIST
from tinytorch.capstone.milestones.perceptron import PERCEPTRON
from tinytorch.capstone.milestones.xor import XOR

__all__ = ["LISTED", "MILESTONES", "Figure", "Goal", "Milestone", "Outcome", "Result", "Run", "run_milestone"]

LISTED = (PERCEPTRON, XOR, MLP_MNIST)
MILESTONES = MappingProxyType({milestone.name: milestone for milestone in LISTED})
