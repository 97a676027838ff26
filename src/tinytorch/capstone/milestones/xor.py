"""What one neuron cannot do, and a hidden layer can: exclusive or."""

from __future__ import annotations

from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Run
from tinytorch.core.activations import Sigmoid, Tanh
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import BinaryCrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed

__all__ = ["XOR"]

INPUTS = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
TARGETS = Tensor([[0], [1], [1], [0]])
STEPS = 500
HIDDEN = 8
SEEDS, SMOKE_SEEDS = 50, 2


def _run(run: Run) -> Outcome:
    """Train with and without a hidden layer, from many random beginnings.

    No line separates the two classes, so that whoever draws one has at most three of the four cases right.
    """
    seeds = range(run.seed, run.seed + (SMOKE_SEEDS if run.smoke else SEEDS))
    alone, hidden = [], []
    for number, seed in enumerate(seeds, 1):
        manual_seed(seed % 2**32)
        alone.append(_trained(Sequential(Linear(2, 1), Sigmoid())))
        hidden.append(_trained(Sequential(Linear(2, HIDDEN), Tanh(), Linear(HIDDEN, 1), Sigmoid())))
        run.tell("learning exclusive or", number, len(seeds))
    figures = (
        Figure("beginnings from which a hidden layer learns all four cases", hidden.count(4) / len(seeds), "ratio"),
        Figure("most cases that one neuron has right", max(alone), "of 4"),
        Figure("random beginnings tried", len(seeds), "beginnings"),
    )
    return Outcome(figures, settings={"hidden_units": HIDDEN, "steps": STEPS})


def _trained(model: Sequential) -> int:
    """Train, and count the cases it has right."""
    optimizer, loss_fn = Adam(model.parameters(), lr=0.05), BinaryCrossEntropyLoss()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_fn(model(INPUTS), TARGETS).backward()
        optimizer.step()
    with no_grad():
        said = model(INPUTS).data > 0.5
    return int((said == (TARGETS.data > 0.5)).sum())


XOR = Milestone(
    name="xor",
    year=1969,
    title="a hidden layer learns exclusive or, which no single neuron can",
    source="M. Minsky, S. Papert (1969), Perceptrons",
    goal=Goal("more", 0.98),
    run=_run,
)
