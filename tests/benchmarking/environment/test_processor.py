"""The processor, on systems laid out for the test."""

import os

import pytest

from tinytorch.benchmarking.environment import processor

CPU0 = "sys/devices/system/cpu/cpu0"


def lay_out(root, files):
    """Write files below `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_model_is_the_one_the_system_names(tmp_path):
    """With the maker's own words."""
    root = lay_out(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: A CPU @ 3 GHz\n"})
    assert processor.model(root) == "A CPU @ 3 GHz"


def test_a_processor_without_a_name_is_its_architecture(tmp_path):
    """As on some ARM boards."""
    assert processor.model(lay_out(tmp_path, {"proc/cpuinfo": "processor: 0\n"})) == processor.architecture(tmp_path)


def test_a_processor_that_lists_no_flags_is_not_said_to_have_none(tmp_path):
    """ARM calls them features, and has none for hypervisors."""
    with pytest.raises(LookupError, match="no flags"):
        processor.flags(lay_out(tmp_path, {"proc/cpuinfo": "Features\t: fp asimd\n"}))


def test_caches_have_level_kind_size_line_and_sharers(tmp_path):
    """Bytes, whatever unit the system writes."""
    cases = {"index0": ("1", "Data", "48K", "0,4"), "index3": ("3", "Unified", "32M", "0-3,8-11")}
    names = ("level", "type", "size", "shared_cpu_list")
    for index, texts in cases.items():
        lay_out(tmp_path, {f"{CPU0}/cache/{index}/{n}": f"{t}\n" for n, t in zip(names, texts, strict=True)})
        lay_out(tmp_path, {f"{CPU0}/cache/{index}/coherency_line_size": "64\n"})
    lay_out(tmp_path, {f"{CPU0}/cache/uevent": ""})
    assert processor.caches(tmp_path) == [
        {"level": 1, "type": "data", "size_bytes": 48 * 1024, "line_bytes": 64, "shared_by": 2},
        {"level": 3, "type": "unified", "size_bytes": 32 * 1024**2, "line_bytes": 64, "shared_by": 8},
    ]


@pytest.mark.parametrize(("text", "expected"), [("1\n", True), ("0\n", False)])
def test_threads_that_share_a_core_are_told(tmp_path, text, expected):
    """Two variants on one core would share its units."""
    assert processor.smt_is_on(lay_out(tmp_path, {"sys/devices/system/cpu/smt/active": text})) is expected


def test_the_governor_and_the_clock_source_are_names(tmp_path):
    """As the system writes them."""
    clock = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    root = lay_out(tmp_path, {f"{CPU0}/cpufreq/scaling_governor": "powersave\n", clock: "tsc\n"})
    assert (processor.governor(root), processor.clock_source(root)) == ("powersave", "tsc")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("intel_pstate/no_turbo", "0", True),
        ("intel_pstate/no_turbo", "1", False),
        ("cpufreq/boost", "1", True),
        ("cpufreq/boost", "0", False),
    ],
)
def test_boost_is_told_by_either_driver(tmp_path, file, text, expected):
    """One driver says what is on, the other what is off."""
    assert processor.boost_is_on(lay_out(tmp_path, {f"sys/devices/system/cpu/{file}": text})) is expected


def test_one_core_is_one_core(monkeypatch, tmp_path):
    """The smallest machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert (processor.logical_cores(tmp_path), processor.affinity(tmp_path)) == (1, [0])
