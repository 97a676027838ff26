"""How sparse a model is to be at each step of its training.

Source:
    M. Zhu, S. Gupta (2017), To Prune, or Not to Prune: Exploring the Efficacy of Pruning for Model Compression.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinytorch.core.layers import require_count, require_ratio
from tinytorch.errors import RangeError, explain

__all__ = ["ConstantSparsity", "CubicSparsity", "SparsitySchedule"]


@dataclass(frozen=True)
class ConstantSparsity:
    """All at once.

    Attributes:
        sparsity: The share, in [0, 1].
        start: The step to prune at.

    Example:
        >>> schedule = ConstantSparsity(0.9, start=2)
        >>> [schedule.at(step) for step in range(4)], [schedule.is_due(step) for step in range(4)]
        ([0.0, 0.0, 0.9, 0.9], [False, False, True, False])
    """

    sparsity: float
    start: int = 0

    def __post_init__(self) -> None:
        require_ratio("sparsity", self.sparsity)
        _require_step("start", self.start)

    def at(self, step: int) -> float:
        """Give the share after a step."""
        return self.sparsity if step >= self.start else 0.0

    def is_due(self, step: int) -> bool:
        """Say whether to prune at a step."""
        return step == self.start


@dataclass(frozen=True)
class CubicSparsity:
    """Much at first, when there is much to spare, and less and less: `s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))³`.

    Attributes:
        final: s_f, in [0, 1].
        updates: n, how many times after the first to prune.
        every: Δt, how many steps lie between.
        initial: s_i, what is pruned at the first.
        start: t_0, the step of the first.

    Example:
        >>> schedule = CubicSparsity(0.8, updates=4, every=10)
        >>> [round(schedule.at(step), 4) for step in (0, 10, 20, 30, 40, 99)]
        [0.0, 0.4625, 0.7, 0.7875, 0.8, 0.8]
        >>> [step for step in range(99) if schedule.is_due(step)]
        [0, 10, 20, 30, 40]

    Source:
        M. Zhu, S. Gupta (2017), To Prune, or Not to Prune, equation 1.
    """

    final: float
    updates: int
    every: int = 1
    initial: float = 0.0
    start: int = 0

    def __post_init__(self) -> None:
        for name, ratio in (("final", self.final), ("initial", self.initial)):
            require_ratio(name, ratio)
        if self.initial > self.final:
            raise RangeError(explain("initial", f"at most final, {self.final}", self.initial))
        for name, count in (("updates", self.updates), ("every", self.every)):
            require_count(name, count)
        _require_step("start", self.start)

    def at(self, step: int) -> float:
        """Give the share after a step; it changes where pruning is due only."""
        if step < self.start:
            return 0.0
        done = min((step - self.start) // self.every, self.updates) / self.updates
        return float(self.final + (self.initial - self.final) * (1 - done) ** 3)

    def is_due(self, step: int) -> bool:
        """Say whether to prune at a step."""
        since = step - self.start
        return 0 <= since <= self.updates * self.every and since % self.every == 0


SparsitySchedule = ConstantSparsity | CubicSparsity


def _require_step(name: str, step: int) -> None:
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise RangeError(explain(name, "a whole number of at least 0", step))
