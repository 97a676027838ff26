"""The record of the machine."""

import getpass
import json
import platform
from pathlib import Path

import pytest

from tinytorch.benchmarking import cgroups, environment
from tinytorch.benchmarking.environment import ENTRIES, collect_environment

V1 = "4:memory:/box/inner\n1:cpu,cpuacct:/box/inner\n0::/\n"


def test_every_entry_is_there():
    """A reader finds the same names on every machine."""
    assert set(collect_environment()) == {*ENTRIES, "unavailable"}


def test_the_three_keys_every_report_has_are_texts():
    """They are the ones a submission needs."""
    record = collect_environment()
    assert [type(record[name]) for name in ("platform", "python_version", "numpy_version")] == [str] * 3


def test_the_record_is_json():
    """It travels in submissions."""
    record = collect_environment()
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize("error", [OSError("no"), ImportError("no"), ValueError("no"), RuntimeError("no"), KeyError(1)])
@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_cannot_be_had_is_none_with_the_reason(monkeypatch, name, error):
    """No machine is so odd that nothing can be measured on it."""

    def refuse():
        raise error

    monkeypatch.setattr(environment, "ENTRIES", {name: refuse})
    record = collect_environment()
    assert record[name] is None
    assert record["unavailable"][name].startswith(type(error).__name__)


def test_a_reason_does_not_name_a_path(monkeypatch):
    """A record is made to be shared; where somebody's files lie is not part of it."""
    monkeypatch.setattr(environment, "ENTRIES", {"file": Path("/home/somebody/secret").read_text})
    assert "somebody" not in json.dumps(collect_environment())


def test_a_record_names_neither_user_nor_host_nor_folder():
    """The machine is described, not identified."""
    text = json.dumps({name: value for name, value in collect_environment().items() if name != "platform"})
    words = [platform.node(), str(Path.home()), str(Path(environment.__file__).parent)]
    assert [word for word in words if len(word) > 4 and word in text] == []
    assert f'"{getpass.getuser()}"' not in text


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    """Unknown is none."""
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    assert collect_environment()["versions"] == {"no-such-package": None}


def test_thread_variables_are_recorded(monkeypatch):
    """They decide how many cores a matrix product may use."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert collect_environment()["thread_environment"]["OMP_NUM_THREADS"] == "3"


def test_a_hypervisor_shows_in_the_flags(monkeypatch, tmp_path):
    """Shared machines are told apart from bare ones."""
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "cpuinfo")
    for flags, expected in (("fpu hypervisor sse", True), ("fpu sse", False)):
        (tmp_path / "cpuinfo").write_text(f"model name\t: A CPU\nflags\t\t: {flags}\n")
        record = collect_environment()
        assert (record["is_virtual"], record["cpu_model"]) == (expected, "A CPU")


def tree(root, groups, files):
    """Lay out a system's control groups."""
    for name, text in (
        {"proc/self/cgroup": groups} | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    ).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_limits_of_version_2_are_read(tmp_path):
    """Quota over period are cores; bytes are bytes."""
    root = tree(tmp_path, "0::/box\n", {"box/cpu.max": "150000 100000\n", "box/memory.max": "1073741824\n"})
    assert (cgroups.cpu_limit(root), cgroups.memory_limit(root)) == (1.5, 2**30)


def test_limits_of_version_1_are_read(tmp_path):
    """Older systems have a tree for each controller."""
    files = {
        "cpu/box/inner/cpu.cfs_quota_us": "200000",
        "cpu/box/inner/cpu.cfs_period_us": "100000",
        "memory/box/inner/memory.limit_in_bytes": "536870912",
    }
    root = tree(tmp_path, V1, files)
    assert (cgroups.cpu_limit(root), cgroups.memory_limit(root)) == (2.0, 2**29)


def test_the_tightest_of_nested_limits_counts(tmp_path):
    """A group cannot have more than the one that holds it."""
    files = {
        "a/b/cpu.max": "400000 100000",
        "a/cpu.max": "50000 100000",
        "a/memory.max": "100",
        "a/b/memory.max": "200",
    }
    root = tree(tmp_path, "0::/a/b\n", files)
    assert (cgroups.cpu_limit(root), cgroups.memory_limit(root)) == (0.5, 100)


def test_a_container_sees_its_own_limit_at_the_root(tmp_path):
    """Inside, the group's path may lead nowhere; the limit then lies at the top."""
    root = tree(tmp_path, "0::/docker/abc\n", {"cpu.max": "100000 100000", "memory.max": "4096"})
    assert (cgroups.cpu_limit(root), cgroups.memory_limit(root)) == (1.0, 4096)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000", "memory.max": "max"},
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        {"memory/memory.limit_in_bytes": "9223372036854771712"},
    ],
)
def test_no_limit_is_none(tmp_path, files):
    """Each version has its own way of saying so."""
    root = tree(tmp_path, V1 + "0::/box\n", files)
    assert (cgroups.cpu_limit(root), cgroups.memory_limit(root)) == (None, None)


def test_a_system_without_control_groups_says_so(tmp_path):
    """Then the entry is unavailable, with this as the reason."""
    with pytest.raises(OSError, match="No such file"):
        cgroups.cpu_limit(tmp_path)
