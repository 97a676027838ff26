"""The threads of kernels: how many."""

import os

import pytest

from tinytorch.perf.kernels import threads


@pytest.mark.parametrize(("variables", "expected"), [({"NUMBA_NUM_THREADS": "1"}, 1), ({"OMP_NUM_THREADS": "1"}, 1)])
def test_the_environment_says_how_many(monkeypatch, variables, expected):
    """As it does to other libraries."""
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert threads.thread_count() == expected


@pytest.mark.parametrize("value", ["", "none", "0", "-2", "10000"])
def test_what_the_environment_cannot_mean_is_one_a_processor(monkeypatch, value):
    """Never more threads than processors."""
    for name in threads.VARIABLES:
        monkeypatch.setenv(name, value)
    assert threads.thread_count() == threads.processors()


def test_systems_that_tell_no_affinity_count_all_processors(monkeypatch):
    """Such as macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads.processors() == os.cpu_count()
