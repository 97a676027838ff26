"""Keeping memory: what is asked of the C library, and what is refused."""

import subprocess
import sys

import pytest

from tinytorch.perf.acceleration import keep_memory, memory

STEPS = """
import resource, numpy as np
from tinytorch.perf.acceleration import keep_memory
kept = {} and keep_memory(64)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        arrays = [np.ones(2**20, np.uint8) for _ in range(16)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(kept, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux does")
def test_pages_that_are_kept_are_not_asked_for_again():
    """16 MiB, let go of and asked for eight times, are 4,096 pages each time, or none."""
    outputs = [
        subprocess.run([sys.executable, "-c", STEPS.format(on)], capture_output=True, text=True, check=True).stdout
        for on in (True, False)
    ]
    (kept, few), (off, many) = (output.split() for output in outputs)
    assert off == "False"
    if kept == "True":
        assert int(few) < int(many) / 4


def test_where_there_is_no_such_setting_nothing_is_done(monkeypatch):
    """Other systems, and other C libraries."""
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert keep_memory() is False
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert keep_memory() is False


@pytest.mark.parametrize("size", [0, -1, 1.5, True, float("nan"), 2048])
def test_a_size_that_cannot_be_is_refused(size):
    """The setting is a C int of bytes."""
    with pytest.raises(ValueError, match="mebibytes must be a whole number from 1 to 2047"):
        keep_memory(size)
