"""What the control groups let this process have, and how often they stopped it."""

import pytest

from tinytorch.benchmarking.environment import cgroups

V1 = "4:memory:/box/inner\n1:cpu,cpuacct:/box/inner\n0::/\n"


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


def test_throttling_of_version_2_is_counted_in_microseconds(tmp_path):
    """Over the group and all that hold it."""
    stat = "usage_usec 5\nnr_periods {}\nnr_throttled {}\nthrottled_usec {}\n"
    files = {"a/b/cpu.stat": stat.format(10, 3, 2_000_000), "a/cpu.stat": stat.format(20, 1, 500_000)}
    root = tree(tmp_path, "0::/a/b\n", files)
    assert cgroups.throttling(root) == {"periods": 30, "throttled_periods": 4, "throttled_seconds": 2.5}


def test_throttling_of_version_1_is_counted_in_nanoseconds(tmp_path):
    """The unit follows the name."""
    stat = "nr_periods 7\nnr_throttled 2\nthrottled_time 1500000000\n"
    root = tree(tmp_path, V1, {"cpu/box/inner/cpu.stat": stat})
    assert cgroups.throttling(root) == {"periods": 7, "throttled_periods": 2, "throttled_seconds": 1.5}


def test_groups_that_count_no_throttling_say_so(tmp_path):
    """A version 2 tree without the controller has a file, but not these lines."""
    root = tree(tmp_path, "0::/box\n", {"box/cpu.stat": "usage_usec 5\n"})
    with pytest.raises(LookupError, match="count no throttling"):
        cgroups.throttling(root)
