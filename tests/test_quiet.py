"""A quiet process."""

import gc

import pytest

from tinytorch.quiet import quiet_process


def test_the_collector_is_off_inside_and_on_again_after():
    """A collection in the middle of a call is not the model's."""
    with quiet_process():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    """The caller's choice is kept."""
    gc.disable()
    try:
        with quiet_process():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_inside_leaves_the_collector_on():
    """A failing model does not change the process."""
    with pytest.raises(ZeroDivisionError), quiet_process():
        _ = 1 / 0
    assert gc.isenabled()


def test_the_threads_that_the_matrix_library_has_are_told():
    """One where there is a library to ask."""
    with quiet_process(1) as threads:
        assert threads in {1, None}
