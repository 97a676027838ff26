"""Models whose ops take as long as they say, on a clock that stands still otherwise."""

import pytest

from tinytorch.core.layers import Layer
from tinytorch.core.ops.op import NODES, OPS, op
from tinytorch.perf.costs import COSTS, each
from tinytorch.perf.profiling import Conditions, RoofSizes, Rounds
from tinytorch.perf.profiling.backward_costs import BACKWARD

SMALL_ROOFS = RoofSizes(side=8, streams=(96, 960))


@pytest.fixture
def waiting(clock, monkeypatch):
    """Give an op that takes `ns` forwards and three times that backwards, one FLOP an element."""

    def waits(x, *, ns):
        clock.pass_time(ns)
        return x * 1, (lambda g: (clock.pass_time(3 * ns), g)[1],)

    call = op("Waits")(waits)
    made = OPS.pop("waits"), NODES.pop("WaitsBackward")
    monkeypatch.setitem(OPS, "waits", made[0])
    monkeypatch.setitem(NODES, "WaitsBackward", made[1])
    monkeypatch.setitem(COSTS, "waits", each(1))
    monkeypatch.setitem(BACKWARD, "waits", lambda step, needs: needs[0] * step.output.size)
    return call


@pytest.fixture
def make_waiting_layer(waiting):
    """Give a layer that takes so many nanoseconds."""

    class Waits(Layer):
        def __init__(self, ns):
            self.ns = ns

        def forward(self, x):
            return waiting(x, ns=self.ns)

    return Waits


@pytest.fixture
def conditions(clock):
    """Give six rounds on the virtual clock, with roofs that take no time to find."""
    return Conditions(Rounds(timed=6, warmup=1), clock=clock, roofs=SMALL_ROOFS)
