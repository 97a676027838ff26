"""Training language models: what the milestones with sequences share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.capstone.milestones.milestone import Run
from tinytorch.core import ops
from tinytorch.core.autograd import no_grad
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import clip_grad_norm
from tinytorch.core.transformers import GPT

__all__ = ["Plan", "held_out_loss", "learning_rate", "train_language_model"]

Tokens = NDArray[np.int64]
Batch = tuple[Tokens, Tokens, Any]  # tokens (B, T), the token after each (B, T), which of these count (B, T) or `...`

EVALUATED_TOGETHER = 32
TOLD = 100  # times in a run


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train a language model.

    Attributes:
        steps: Steps of the optimizer.
        learning_rate: The highest; it is reached along a line in the first twentieth of the steps, and then falls to a
            hundredth along half a cosine.
        weight_decay: What AdamW takes off the weights.
        grad_norm: What gradients are clipped to.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    grad_norm: float = 1.0


def learning_rate(plan: Plan, step: int) -> float:
    """Give the rate of a step, counted from 0.

    Example:
        >>> plan = Plan(steps=1001, learning_rate=1.0)
        >>> [round(learning_rate(plan, step), 2) for step in (0, 24, 49, 525, 1000)]
        [0.02, 0.5, 1.0, 0.51, 0.01]
    """
    rise = max(plan.steps // 20, 1)
    if step < rise:
        return plan.learning_rate * (step + 1) / rise
    share = (step - rise) / max(plan.steps - 1 - rise, 1)
    return plan.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def train_language_model(run: Run, model: GPT, plan: Plan, next_batch: Callable[[], Batch]) -> None:
    """Train a model to give each token from those before it."""
    optimizer = AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    model.train()
    for step in range(plan.steps):
        optimizer.lr = learning_rate(plan, step)
        loss = _loss(model, *next_batch())
        loss.backward()
        clip_grad_norm(model.parameters(), plan.grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % max(plan.steps // TOLD, 1) == 0:
            run.tell("training", step + 1, plan.steps, f"loss {float(loss.data):.3f}")
    model.eval()


def _loss(model: GPT, tokens: Tokens, targets: Tokens, counted: Any) -> Tensor:
    logits = model(tokens)  # (B, T, V)
    return ops.cross_entropy(logits[counted], targets[counted])


def held_out_loss(model: GPT, text: Tokens) -> float:
    """Give the sum of `-log p` over all tokens of a text but the first, in nats.

    Windows overlap by half, so that each token is predicted from at least half a window before it, where there is as
    much; each counts once.
    """
    total = 0.0
    for tokens, targets, fresh in _batched(text, model.max_seq_len):
        with no_grad():
            logs = ops.log_softmax(model(tokens)).data  # (B, T, V)
        chosen = np.take_along_axis(logs, targets[..., None], axis=-1)[..., 0]  # (B, T)
        total -= float(chosen[fresh].sum(dtype=np.float64))
    return total


def _batched(text: Tokens, length: int) -> Iterator[Batch]:
    """Cut a text into overlapping windows, and say which of their targets are fresh: in no window before."""
    length = min(length, len(text) - 1)
    last = len(text) - 1 - length  # where the last window begins
    starts = np.unique(np.append(np.arange(0, last, max(length // 2, 1)), last))
    ends = np.append(0, starts[:-1] + length)  # up to where targets have been counted
    places = starts[:, None] + np.arange(length)  # (W, T)
    fresh = places >= ends[:, None]
    for first in range(0, len(starts), EVALUATED_TOGETHER):
        part = slice(first, first + EVALUATED_TOGETHER)
        yield text[places[part]], text[places[part] + 1], fresh[part]
