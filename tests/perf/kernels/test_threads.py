"""The threads of kernels: how many, and which part each has."""

import os
import threading

import pytest

from tinytorch.perf.kernels import threads


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64])
@pytest.mark.parametrize("used", [1, 2, 3, 8])
def test_parts_cover_everything_once(count, used):
    """In order, none empty, of sizes that differ by at most 1."""
    cut = threads.parts(count, used)
    assert [i for start, stop in cut for i in range(start, stop)] == list(range(count))
    sizes = [stop - start for start, stop in cut]
    assert len(cut) == min(count, used)
    assert all(sizes)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


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
    assert threads.thread_count() == threads._processors()


def test_systems_that_tell_no_affinity_count_all_processors(monkeypatch):
    """Such as macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads._processors() == os.cpu_count()


def test_each_part_is_done_once_by_a_thread_of_its_own():
    """The calling thread has the first."""
    done = {}
    count = threads.in_parts(lambda part, *cut: done.update({part: (cut, threading.current_thread())}), 5, 2)
    assert count == 2
    assert [done[part][0] for part in (0, 1)] == [(0, 3), (3, 5)]
    assert done[0][1] is threading.current_thread() is not done[1][1]


def test_nothing_to_do_is_no_part():
    """Such as an empty batch."""
    assert threads.in_parts(lambda *_: pytest.fail("no part"), 0) == 0


def test_a_problem_in_another_thread_is_raised_here():
    """No part fails silently."""

    def work(part, *_):
        if part == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.in_parts(work, 2, 2)
