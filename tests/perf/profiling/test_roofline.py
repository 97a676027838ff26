"""The bound that roofs put on the time of some work."""

import numpy as np
import pytest

from tinytorch.perf.costs import Cost
from tinytorch.perf.profiling.medians import Median
from tinytorch.perf.profiling.roofline import Roofline, RoofProfile
from tinytorch.perf.profiling.roofs import RoofSizes, make_roofs
from tinytorch.perf.profiling.turns import Stopwatch


def roof(kind, amount, *took):
    """Give a roof that took so long in each round."""
    return RoofProfile(f"{kind} {amount}", kind, amount, tuple((0, ns) for ns in took))


ROOFS = Roofline((roof("compute", 1000, 10, 20), roof("memory", 100, 10, 10), roof("memory", 1000, 200, 400)))


def test_the_least_time_is_the_work_at_the_rates_of_each_round():
    """100 FLOP/ns and then 50; 10 B/ns for small work."""
    least = ROOFS.least(Cost(500, 40, 40))
    assert (least.compute, least.memory, least.bound) == ([5, 10], [8, 8], "memory")
    assert ROOFS.least(Cost(1000, 40, 40)).bound == "compute"


@pytest.mark.parametrize(("moved", "amount"), [(10, 100), (100, 100), (999, 100), (1000, 1000), (10**6, 1000)])
def test_work_is_bound_by_the_largest_stream_that_moves_no_more(moved, amount):
    """A smaller stream is nearer to the processor, and so the higher roof."""
    assert ROOFS.stream(moved).amount == amount


def test_the_share_is_a_ratio_of_the_same_round():
    """A machine that is half as quick in the second round halves both."""
    share = ROOFS.share(Cost(1000, 0, 0), [(0, 20), (0, 40)])
    assert share == Median(0.5, None, None)


def test_several_costs_are_added_each_at_its_own_stream():
    """80 bytes at 10 B/ns, and 2000 at 5 and 2.5."""
    assert ROOFS.least(Cost(0, 80, 0), Cost(0, 2000, 0)).memory == [8 + 400, 8 + 800]


def test_work_that_is_none_has_no_bound():
    """A reshape moves nothing."""
    assert ROOFS.least(Cost(0, 0, 0)).bound is None
    assert ROOFS.share(Cost(0, 0, 0), [(0, 1)]) == Median(None, None, None)


def test_roofs_do_what_they_say(clock):
    """A product of matrices, and sums of two arrays into a third."""
    product, stream = make_roofs(np.float64, RoofSizes(4, (96,)))
    assert (product.amount, stream.amount) == (2 * 4**3, 96)
    assert product.call().dtype == np.float64
    assert stream.call().tolist() == [2.0] * 8
    assert len(stream(Stopwatch(clock))) == 1
