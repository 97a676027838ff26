"""The record of the machine."""

import getpass
import json
import platform
from pathlib import Path

import pytest

import tinytorch
from tinytorch.benchmarking.environment import ENTRIES, collect_environment

KEPT = [
    "platform",
    "python_version",
    "numpy_version",
    "python_implementation",
    "versions",
    "cpu_model",
    "cpu_architecture",
    "logical_cores",
    "physical_cores",
    "cpu_affinity",
    "smt_is_on",
    "cpu_governor",
    "is_virtual",
    "cgroup_cpus",
    "cgroup_memory_bytes",
    "memory_total_bytes",
    "memory_available_bytes",
    "load_average",
    "cpu_steal_seconds",
    "blas",
    "thread_environment",
    "unavailable",
]


def test_every_entry_is_there():
    """A reader finds the same names on every machine."""
    assert set(collect_environment()) == {*ENTRIES, "unavailable"}


def test_no_name_that_was_once_there_is_gone():
    """Records of earlier versions are read with these names."""
    assert set(KEPT) - set(collect_environment()) == set()


def test_the_three_keys_every_report_has_are_texts():
    """They are the ones a submission needs."""
    record = collect_environment()
    assert [type(record[name]) for name in ("platform", "python_version", "numpy_version")] == [str] * 3


def test_the_record_is_json():
    """It travels in submissions."""
    record = collect_environment()
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_what_is_none_without_a_limit_being_absent_has_a_reason():
    """Only the limits may be none and available: none is then their value."""
    record = collect_environment()
    unexplained = {name for name, value in record.items() if value is None} - set(record["unavailable"])
    assert unexplained <= {"cgroup_cpus", "cgroup_memory_bytes"}


@pytest.mark.parametrize("error", [OSError("no"), ImportError("no"), ValueError("no"), RuntimeError("no"), KeyError(1)])
def test_an_entry_that_cannot_be_had_is_none_with_the_reason(error):
    """No machine is so odd that nothing can be measured on it."""

    def refuse(_):
        raise error

    record = collect_environment(entries={"odd": refuse})
    assert record["odd"] is None
    assert record["unavailable"]["odd"].startswith(type(error).__name__)


def test_a_system_that_shows_nothing_of_itself_still_has_a_record(tmp_path):
    """Neither /proc nor /sys: each entry that needs them is none with a reason."""
    record = collect_environment(tmp_path)
    needing = [
        "cpu_caches",
        "smt_is_on",
        "cpu_governor",
        "cpu_boost_is_on",
        "clock_source",
        "is_virtual",
        "hypervisor",
        "cgroup_cpus",
        "cgroup_memory_bytes",
        "cgroup_throttling",
        "cpu_steal_seconds",
    ]
    assert [record[name] for name in needing] == [None] * len(needing)
    assert set(needing) <= set(record["unavailable"])
    assert record["cpu_model"]


def test_a_reason_does_not_name_a_path():
    """A record is made to be shared; where somebody's files lie is not part of it."""
    hidden = Path("/home/somebody/secret")
    assert "somebody" not in json.dumps(collect_environment(entries={"file": lambda _: hidden.read_text()}))


def test_a_record_names_neither_user_nor_host_nor_folder():
    """The machine is described, not identified."""
    text = json.dumps({name: value for name, value in collect_environment().items() if name != "platform"})
    words = [platform.node(), str(Path.home()), str(Path(tinytorch.__file__).parent)]
    assert [word for word in words if len(word) > 4 and word in text] == []
    assert f'"{getpass.getuser()}"' not in text
