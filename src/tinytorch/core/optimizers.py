"""Optimizers: each changes the parameters in place, by their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.autograd import as_array
from tinytorch.core.tensor import Tensor
from tinytorch.core.updates import UPDATES, AdamRates
from tinytorch.errors import RangeError, ShapeError, StateError, explain

__all__ = [
    "DEFAULT_BETA1",
    "DEFAULT_BETA2",
    "DEFAULT_EPS",
    "DEFAULT_LEARNING_RATE_ADAM",
    "DEFAULT_LEARNING_RATE_SGD",
    "DEFAULT_MOMENTUM",
    "DEFAULT_WEIGHT_DECAY_ADAMW",
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
]

DEFAULT_LEARNING_RATE_SGD = 0.01
DEFAULT_LEARNING_RATE_ADAM = 0.001
DEFAULT_MOMENTUM = 0.9
DEFAULT_BETA1 = 0.9
DEFAULT_BETA2 = 0.999
DEFAULT_EPS = 1e-8
DEFAULT_WEIGHT_DECAY_ADAMW = 0.01

Array = NDArray[Any]
Buffers = list[Array | None]


class Optimizer:
    """What optimizers share.

    Attributes:
        params: The tensors to change, in order.
        step_count: How often `step` was called.
        lr: The learning rate; a schedule may set it.

    Raises:
        RangeError: If a tensor requires no grad.
    """

    hyperparameters: tuple[str, ...] = ("lr",)
    buffers: tuple[str, ...] = ()
    counters: tuple[str, ...] = ("step_count",)
    lr: float

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.params = list(params)
        self.step_count = 0
        for index, parameter in enumerate(self.params):
            if not parameter.requires_grad:
                remedy = "Pass requires_grad=True when it is made."
                raise RangeError(
                    explain(f"parameter {index}", "one that requires grad", repr(parameter), remedy=remedy)
                )

    def zero_grad(self) -> None:
        """Forget the gradients; buffers stay."""
        for parameter in self.params:
            parameter.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises:
            NotImplementedError: In the base class.
            ShapeError: If a gradient has another shape than its parameter.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def state_dict(self) -> dict[str, Any]:
        """Copy all that decides the next step, except the parameters: numbers, and lists of arrays or None."""
        numbers = {name: _plain(copy(getattr(self, name))) for name in (*self.hyperparameters, *self.counters)}
        return numbers | {name: [None if b is None else b.copy() for b in getattr(self, name)] for name in self.buffers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            StateError: If a name is missing.
            ShapeError: If the buffers are not those of these parameters.
        """
        names = {*self.hyperparameters, *self.counters, *self.buffers}
        if missing := sorted(names - state.keys()):
            raise StateError(explain("the optimizer's state", f"one of {type(self).__name__}", f"none of {missing}"))
        for name in self.buffers:
            self._require_fitting(name, state[name])
        for name in self.buffers:
            setattr(self, name, [None if b is None else np.array(b) for b in state[name]])
        for name in (*self.hyperparameters, *self.counters):
            setattr(self, name, copy(state[name]))

    def _require_fitting(self, name: str, buffers: Sequence[Array | None]) -> None:
        shapes = [None if buffer is None else np.shape(buffer) for buffer in buffers]
        own = [parameter.shape for parameter in self.params]
        if len(shapes) != len(own) or any(s not in {None, o} for s, o in zip(shapes, own, strict=True)):
            raise ShapeError(explain(name, f"one buffer a parameter, of shapes {own}", shapes))

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name)}" for name in self.hyperparameters)
        return f"{type(self).__name__}({len(self.params)} parameters, {numbers})"


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and L2 weight decay.

    `g += weight_decay * p;  buffer = momentum * buffer + g;  p -= lr * buffer`

    Raises:
        RangeError: If a hyperparameter is out of range.

    Source:
        I. Sutskever et al. (2013), On the importance of initialization and momentum in deep learning; in the form
        that applies the rate outside the buffer.
    """

    hyperparameters = ("lr", "momentum", "weight_decay")
    buffers = ("momentum_buffers",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_SGD,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params)
        self.lr = _at_least_zero("lr", lr)
        self.momentum = _below_one("momentum", momentum)
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        self.momentum_buffers: Buffers = [None] * len(self.params)

    def has_momentum(self) -> bool:
        """Say whether past gradients count."""
        return self.momentum > 0

    def get_momentum_state(self) -> Buffers | None:
        """Copy the momentum buffers; None without momentum."""
        if not self.has_momentum():
            return None
        return [None if buffer is None else buffer.copy() for buffer in self.momentum_buffers]

    def set_momentum_state(self, state: Sequence[Array | None] | None) -> None:
        """Take over momentum buffers; nothing happens with None or without momentum.

        Raises:
            ShapeError: If there is not one buffer a parameter.
        """
        if state is not None and self.has_momentum():
            self._require_fitting("momentum_buffers", state)
            self.momentum_buffers = [None if buffer is None else np.array(buffer) for buffer in state]

    def step(self) -> None:
        found = _with_gradients(self.params)
        self.step_count += 1
        rates = float(self.lr), float(self.momentum), float(self.weight_decay)
        for index, parameter, gradient in found:
            buffer = self._momentum_buffer(index, gradient) if self.momentum else None
            UPDATES["sgd"].in_force(parameter.data, gradient, buffer, rates)

    def _momentum_buffer(self, index: int, gradient: Array) -> Array:
        buffer = self.momentum_buffers[index]
        if buffer is None:
            buffer = self.momentum_buffers[index] = np.zeros_like(gradient)
        return buffer


class Adam(Optimizer):
    """Adam, with weight decay added to the gradient (the L2 form).

    `m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²;  p -= lr * m̂ / (sqrt(v̂) + eps)`, where the hats divide by
    `1 - βᵗ`. A parameter's t counts the steps in which it had a gradient, so that one first seen late starts right.

    Raises:
        RangeError: If a hyperparameter is out of range.

    Source:
        D. Kingma, J. Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1.
    """

    hyperparameters = ("lr", "beta1", "beta2", "eps", "weight_decay")
    buffers = ("m_buffers", "v_buffers")
    counters = ("step_count", "steps_seen")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_ADAM,
        betas: tuple[float, float] = (DEFAULT_BETA1, DEFAULT_BETA2),
        eps: float = DEFAULT_EPS,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params)
        self.lr = _at_least_zero("lr", lr)
        self.beta1, self.beta2 = _below_one("beta1", betas[0]), _below_one("beta2", betas[1])
        self.eps = _at_least_zero("eps", eps)
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        self.m_buffers: Buffers = [None] * len(self.params)
        self.v_buffers: Buffers = [None] * len(self.params)
        self.steps_seen = [0] * len(self.params)

    def step(self) -> None:
        self._step(decay=float(self.weight_decay), kept=1.0)

    def _step(self, *, decay: float, kept: float) -> None:
        found = _with_gradients(self.params)
        self.step_count += 1
        for index, parameter, gradient in found:
            m, v, steps = self._moments(index, parameter.data)
            UPDATES["adam"].in_force(parameter.data, gradient, m, v, self._rates(steps, decay, kept))

    def _rates(self, steps: int, decay: float, kept: float) -> AdamRates:
        scale, rate = (1 - self.beta2**steps) ** 0.5, float(self.lr) / (1 - self.beta1**steps)
        return AdamRates(self.beta1, self.beta2, scale, self.eps, rate, decay, kept)

    def _moments(self, index: int, data: Array) -> tuple[Array, Array, int]:
        m, v = self.m_buffers[index], self.v_buffers[index]
        if m is None or v is None:
            m = self.m_buffers[index] = np.zeros_like(data)
            v = self.v_buffers[index] = np.zeros_like(data)
        self.steps_seen[index] += 1
        return m, v, self.steps_seen[index]


class AdamW(Adam):
    """Adam with decoupled weight decay: the Adam step, then `p *= 1 - lr * weight_decay`.

    Source:
        I. Loshchilov, F. Hutter (2019), Decoupled Weight Decay Regularization; the decay comes after the step, where
        PyTorch has it before.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = DEFAULT_LEARNING_RATE_ADAM,
        betas: tuple[float, float] = (DEFAULT_BETA1, DEFAULT_BETA2),
        eps: float = DEFAULT_EPS,
        weight_decay: float = DEFAULT_WEIGHT_DECAY_ADAMW,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def step(self) -> None:
        self._step(decay=0.0, kept=1 - float(self.lr) * float(self.weight_decay))


def _with_gradients(params: Sequence[Tensor]) -> list[tuple[int, Tensor, Array]]:
    """Give index, parameter and gradient, for those that have one, all checked before the first is changed."""
    found = []
    for index, parameter in enumerate(params):
        if parameter.grad is not None:
            gradient = as_array(parameter.grad)
            if gradient.shape != parameter.shape:
                rule = f"of its parameter's shape {parameter.shape}"
                raise ShapeError(explain(f"the gradient of parameter {index}", rule, gradient.shape))
            found.append((index, parameter, gradient.astype(parameter.data.dtype, copy=False)))
    return found


def _plain(number: Any) -> Any:
    return number.item() if isinstance(number, np.generic) else number


def _at_least_zero(name: str, value: Any) -> float:
    if not 0 <= value < float("inf"):  # NaN fails this too
        raise RangeError(explain(name, "a finite number of at least 0", value))
    return float(value)


def _below_one(name: str, value: Any) -> float:
    if not 0 <= value < 1:
        raise RangeError(explain(name, "in [0, 1)", value))
    return float(value)
