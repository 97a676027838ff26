"""Training that keeps pruned weights at 0, and prunes more as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinytorch.errors import DTypeError, ShapeError, StateError, explain
from tinytorch.perf.compression.pruning import magnitude_prune, require_scope, weights_of
from tinytorch.perf.compression.schedules import ConstantSparsity, CubicSparsity, SparsitySchedule

__all__ = ["MaskedOptimizer"]

PARTS = {"kind", "optimizer", "schedule", "scope", "steps", "masks"}


class MaskedOptimizer:
    """An optimizer whose steps leave the weights of a model at 0 that are pruned.

    Momentum would revive them otherwise. Biases are free. Without a schedule the weights that are 0 now stay so; with
    one, steps that it names set more of them to 0, and those stay so.

    Args:
        optimizer: Any optimizer of the model's parameters.
        model: The pruned model, or the one that the schedule is to prune.
        schedule: `ConstantSparsity` or `CubicSparsity`; steps are counted from 0.
        scope: Of the schedule's pruning, as in `magnitude_prune`.

    Raises:
        DTypeError: If the schedule is none of these.
        RangeError: If the scope is unknown.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> from tinytorch.core.optimizers import Adam
        >>> from tinytorch.perf.compression import measure_sparsity
        >>> layer = Linear(8, 8)
        >>> masked = MaskedOptimizer(Adam(layer.parameters()), layer, CubicSparsity(0.75, updates=3))
        >>> for _ in range(4):
        ...     masked.step()
        >>> measure_sparsity(layer)
        75.0
    """

    def __init__(
        self, optimizer: Any, model: Any, schedule: SparsitySchedule | None = None, scope: str = "global"
    ) -> None:
        _require_schedule(schedule)
        require_scope(scope)
        self.optimizer = optimizer
        self.schedule = schedule
        self.scope = scope
        self.step_count = 0
        self._model = model
        self._pruned = [weight.data == 0 for weight in weights_of(model)]

    @property
    def lr(self) -> float:
        """The optimizer's rate."""
        return float(self.optimizer.lr)

    @lr.setter
    def lr(self, rate: float) -> None:
        self.optimizer.lr = rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad()

    def step(self) -> None:
        """Take a step, set to 0 again what is pruned, and prune if that is due.

        Raises:
            RangeError: If it is due, and a weight is not finite.
        """
        self.optimizer.step()
        weights = weights_of(self._model)
        for weight, pruned in zip(weights, self._pruned, strict=True):
            weight.data[pruned] = 0
        if self.schedule is not None and self.schedule.is_due(self.step_count):
            magnitude_prune(self._model, self.schedule.at(self.step_count), self.scope)
            self._pruned = [weight.data == 0 for weight in weights]
        self.step_count += 1

    def state_dict(self) -> dict[str, Any]:
        """Copy all that decides the next step, except the parameters."""
        return {
            "kind": type(self.optimizer).__name__,
            "optimizer": self.optimizer.state_dict(),
            "schedule": repr(self.schedule),
            "scope": self.scope,
            "steps": self.step_count,
            "masks": [pruned.copy() for pruned in self._pruned],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            StateError: If it is not whole, or of another optimizer, schedule or scope; nothing is changed then.
            ShapeError: If its masks are not those of these weights; nothing is changed then.
        """
        if missing := sorted(PARTS - state.keys()):
            raise StateError(explain("the optimizer's state", "one of MaskedOptimizer", f"none of {missing}"))
        own = {"kind": type(self.optimizer).__name__, "schedule": repr(self.schedule), "scope": self.scope}
        for name, value in own.items():
            if state[name] != value:
                raise StateError(explain(f"the {name} of the state", value, state[name]))
        shapes, given = [mask.shape for mask in self._pruned], [np.shape(mask) for mask in state["masks"]]
        if shapes != given:
            raise ShapeError(explain("the masks of the state", f"of shapes {shapes}", given))
        self.optimizer.load_state_dict(state["optimizer"])
        self._pruned = [np.array(mask, bool) for mask in state["masks"]]
        self.step_count = int(state["steps"])


def _require_schedule(schedule: object) -> None:
    if schedule is not None and not isinstance(schedule, ConstantSparsity | CubicSparsity):
        rule, remedy = "a ConstantSparsity or a CubicSparsity", "Give ConstantSparsity(0.9), for example."
        raise DTypeError(explain("schedule", rule, repr(schedule), remedy=remedy))
