"""What the tests of more than one floor need."""

import pytest


class VirtualClock:
    """Time that passes only when told to, and by `cost` at each look."""

    def __init__(self):
        self.time = 0
        self.cost = 0

    def now_ns(self):
        """Look at the clock."""
        self.time += self.cost
        return self.time

    def pass_time(self, nanoseconds):
        """Let time pass."""
        self.time += nanoseconds

    def sleep_until(self, instant):
        """Let time pass up to an instant; a clock is its own sleeper."""
        self.time = max(self.time, instant)


@pytest.fixture(scope="session")
def make_clock():
    """Give the kind of clock that stands still until told otherwise."""
    return VirtualClock


@pytest.fixture
def clock(make_clock):
    """Give a clock that stands still until told otherwise."""
    return make_clock()
