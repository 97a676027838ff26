"""Subjects whose true ratio is known before anything is measured.

`calls(50)` against `calls(51)` does one fiftieth more of the same work: the true speed-up is 50/51, whatever the
machine. `busy(200)` holds the processor for 200 microseconds by the clock. Two `calls(50)` are identical but for their
objects.
"""

from __future__ import annotations

from collections.abc import Callable

from tinytorch import Linear, ReLU, Sequential, Tensor, manual_seed, no_grad
from tinytorch.benchmarking.clock import CLOCK

__all__ = ["busy", "calls", "model"]

Call = Callable[[], object]


def calls(count: int = 50) -> Call:
    """Give a call that runs one small network `count` times: about 4 µs each, and the loop around it."""
    manual_seed(0)
    network, x = Sequential(Linear(64, 128), ReLU(), Linear(128, 10)).eval(), Tensor([[0.5] * 64])
    forward = no_grad()(network.forward)

    def call() -> object:
        for _ in range(count):
            output = forward(x)
        return output.data

    return call


def busy(microseconds: int = 200) -> Call:
    """Give a call that lasts `microseconds` by the clock, however fast the processor."""

    def call() -> object:
        end = CLOCK.now_ns() + 1000 * microseconds
        while CLOCK.now_ns() < end:
            pass
        return microseconds

    return call


def model(hidden: int = 128) -> Call:
    """Give one forward pass of a network of the same seed, as a fresh object."""
    manual_seed(0)
    network, x = Sequential(Linear(64, hidden), ReLU(), Linear(hidden, 10)).eval(), Tensor([[0.5] * 64])
    forward = no_grad()(network.forward)
    return lambda: forward(x).data
