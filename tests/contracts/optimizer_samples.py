"""One row per optimizer and case, and a small problem to run them on: a net of two layers, made of formulas.

A new optimizer needs a row here; `test_optimizers.py` fails and names this file while it has none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.core import optimizers
from tinytorch.core.activations import Tanh
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import MSELoss
from tinytorch.core.optimizers import SGD, Adam, AdamW, Optimizer
from tinytorch.core.tensor import Tensor

STEPS = 100
SHAPES = [(3, 5), (5,), (5, 2), (2,)]
GOLDEN = Path(__file__).parents[1] / "golden" / "optimizers.json"


@dataclass(frozen=True)
class OptimizerRow:
    """One optimizer with its hyperparameters, and the like in PyTorch.

    Attributes:
        kind: Its class.
        case: What is special about this row.
        options: Its hyperparameters.
        torch: The class in PyTorch, and its hyperparameters.
        decay_after: What each step multiplies the parameters by at its end.
    """

    kind: type[Optimizer]
    case: str
    options: dict[str, Any]
    torch: tuple[str, dict[str, Any]]
    decay_after: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.kind.__name__}: {self.case}"

    def make(self, params) -> Optimizer:
        return self.kind(params, **self.options)


def row(kind: type[Optimizer], case: str, **options: Any) -> OptimizerRow:
    return OptimizerRow(kind, case, options, (kind.__name__, options))


ROWS = [
    row(SGD, "plain", lr=0.1),
    row(SGD, "momentum", lr=0.05, momentum=0.9),
    row(SGD, "weight decay", lr=0.1, weight_decay=0.05),
    row(SGD, "momentum and weight decay", lr=0.05, momentum=0.8, weight_decay=0.02),
    row(Adam, "defaults but for the rate", lr=0.01),
    row(Adam, "other betas and eps", lr=0.02, betas=(0.8, 0.95), eps=1e-4),
    row(Adam, "L2", lr=0.01, weight_decay=0.1),
    row(AdamW, "no decay", lr=0.01, weight_decay=0.0),
    # PyTorch's AdamW decays before the step and ours after, so its Adam with a decay put behind is the like of ours
    OptimizerRow(AdamW, "decay", {"lr": 0.01, "weight_decay": 0.1}, ("Adam", {"lr": 0.01}), decay_after=1 - 0.01 * 0.1),
]


def kinds() -> set[type[Optimizer]]:
    """Find every optimizer that is exported; the base is none one can use."""
    exported = [getattr(optimizers, name) for name in optimizers.__all__]
    return {value for value in exported if isinstance(value, type) and issubclass(value, Optimizer)} - {Optimizer}


def numbers(shape: tuple[int, ...], start: float) -> np.ndarray:
    """Give float64 values in [-0.8, 0.8] by a formula, the same on every platform."""
    return 0.8 * np.sin(np.arange(np.prod(shape)) * 1.7 + start).reshape(shape)


def weights() -> list[np.ndarray]:
    return [numbers(shape, position) for position, shape in enumerate(SHAPES)]


def batch() -> tuple[np.ndarray, np.ndarray]:
    return numbers((8, 3), 10.0), numbers((8, 2), 20.0)


def net() -> Sequential:
    model = Sequential(Linear(3, 5), Tanh(), Linear(5, 2)).astype("float64")
    for parameter, values in zip(model.parameters(), weights(), strict=True):
        parameter.data[...] = values
    return model


def train(row: OptimizerRow, steps: int = STEPS) -> tuple[list[float], list[np.ndarray]]:
    """Train the net, and give the loss before each step and the parameters after the last."""
    model, (x, y) = net(), (Tensor(values, dtype="float64") for values in batch())
    optimizer, found = row.make(model.parameters()), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = MSELoss()(model(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found, [parameter.data for parameter in model.parameters()]


def train_with_torch(torch: Any, row: OptimizerRow, steps: int = STEPS) -> tuple[list[float], list[np.ndarray]]:
    """Do the same in PyTorch."""
    a, b, c, d = (torch.tensor(values, requires_grad=True) for values in weights())
    x, y = (torch.tensor(values) for values in batch())
    optimizer, found = torch_optimizer(torch, row)([a, b, c, d]), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(torch.tanh(x @ a + b) @ c + d, y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for parameter in (a, b, c, d):
                parameter.mul_(row.decay_after)
        found.append(loss.item())
    return found, [parameter.detach().numpy() for parameter in (a, b, c, d)]


def torch_optimizer(torch: Any, row: OptimizerRow) -> Callable[..., Any]:
    name, options = row.torch
    return lambda params: getattr(torch.optim, name)(params, **options)


def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())
