"""Steps in the history of the field, done again on this framework, each with a figure."""

from types import MappingProxyType

from tinytorch.capstone.milestones.cnn_cifar10 import CNN_CIFAR10
from tinytorch.capstone.milestones.cnn_mnist import CNN_MNIST
from tinytorch.capstone.milestones.gpt_text import GPT_TEXT
from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Result, Run, run_milestone
from tinytorch.capstone.milestones.mlp_mnist import MLP_MNIST
from tinytorch.capstone.milestones.perceptron import PERCEPTRON
from tinytorch.capstone.milestones.reverse import REVERSE
from tinytorch.capstone.milestones.xor import XOR

__all__ = ["LISTED", "MILESTONES", "Figure", "Goal", "Milestone", "Outcome", "Result", "Run", "run_milestone"]

LISTED = (PERCEPTRON, XOR, MLP_MNIST, CNN_MNIST, CNN_CIFAR10, REVERSE, GPT_TEXT)
MILESTONES = MappingProxyType({milestone.name: milestone for milestone in LISTED})
