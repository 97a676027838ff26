"""Python, packages and matrix libraries."""

import gc

from tinytorch.benchmarking.environment import software


def test_a_package_that_is_not_installed_has_no_version(monkeypatch, tmp_path):
    """Unknown is none."""
    monkeypatch.setattr(software, "PACKAGES", ("no-such-package",))
    assert software.versions(tmp_path) == {"no-such-package": None}


def test_thread_variables_are_recorded(monkeypatch, tmp_path):
    """They decide how many cores a matrix product may use."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert software.thread_variables(tmp_path)["OMP_NUM_THREADS"] == "3"


def test_a_collector_that_is_off_is_recorded_as_off(tmp_path):
    """It runs in the middle of calls when on."""
    gc.disable()
    try:
        assert software.garbage_collector(tmp_path)["is_on"] is False
    finally:
        gc.enable()
    assert software.garbage_collector(tmp_path)["is_on"] is True


def test_a_fixed_hash_seed_is_told(monkeypatch, tmp_path):
    """Orders of sets, and so times, hang on it."""
    for seed, expected in (("0", True), ("random", False)):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        assert software.python_build(tmp_path)["hash_seed_is_fixed"] is expected


def test_each_matrix_library_has_a_maker_and_a_number_of_threads(tmp_path):
    """Where there is one to ask."""
    libraries = software.blas(tmp_path)
    assert all(library["internal_api"] and library["num_threads"] >= 1 for library in libraries)
