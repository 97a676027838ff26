"""What calls allocate."""

import tracemalloc

from tinytorch.perf.profiling.allocations import counted, counting

MB = 1_000_000


def test_peak_and_rest_are_told_apart():
    """Three megabytes at once, one of which is the result."""

    def call():
        result, passing = bytearray(MB), bytearray(2 * MB)
        del passing
        return result

    with counting():
        found = counted(call)
    assert (3 * MB <= found.peak < 3.01 * MB, MB <= found.kept < 1.01 * MB) == (True, True)


def test_what_is_let_go_is_not_counted_below_zero():
    """A call may free what others allocated."""
    held = []
    with counting():
        held.append(bytearray(MB))
        assert counted(held.clear).kept == 0


def test_counting_ends_unless_somebody_else_began_it():
    """A trace that was on stays on."""
    with counting():
        with counting():
            pass
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()
