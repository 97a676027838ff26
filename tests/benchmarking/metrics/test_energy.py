"""Energy from a processor's counters, laid out for the test."""

from pathlib import Path

import pytest

from contracts.metric_samples import ROWS
from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics.energy import measure_energy
from tinytorch.benchmarking.metrics.rapl import Zone, joules_between, rapl_zones

ROW = next(row for row in ROWS if row.name == "energy")


def zone(root, place, name, microjoules=0, limit=10**6):
    """Lay out one counter."""
    folder = root / "sys/class/powercap" / place
    folder.mkdir(parents=True)
    for file, value in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", limit)):
        (folder / file).write_text(f"{value}\n")


def test_the_idle_machine_is_taken_off_and_the_wrap_around_is_seen(clock, tmp_path):
    """5 W busy less 2 W idle, for 20 ms, from a counter that starts again at every ten joules."""
    assert measure_energy(ROW.case(clock, tmp_path)).estimate.value == pytest.approx(60e-3)


def test_the_raw_readings_are_kept(clock, tmp_path):
    """From them the value can be had again."""
    raw = measure_energy(ROW.case(clock, tmp_path)).raw
    assert (raw["zones"], raw["idle_joules"], raw["idle_seconds"]) == (["package-0"], [1.0] * 5, [0.5] * 5)
    assert raw["calls"] == [25] * 5


def test_a_model_of_a_process_of_its_own_is_measured_there(clock, tmp_path):
    """The same power, the same calls; the counters are read here, before and after."""
    case = ROW.case(clock, tmp_path)

    class Process:
        def ask(self, command, seconds, calls=1, epochs=1, limit_ns=0, **_):
            assert seconds > 0
            if command != "warm_up":
                return {"calls": 5}
            call, times, start = case.batch(1), [], clock.now_ns()
            while len(times) < epochs and clock.now_ns() - start < limit_ns:
                _ = [call() for _ in range(calls)]
                times.append(20_000_000 * calls)
            return {"epochs_ns": times}

        def close(self):
            """Nothing was started."""

    found = measure_energy(Case(start=Process, clock=clock, sleeper=case.sleeper, root=tmp_path))
    assert found.estimate.value == pytest.approx(60e-3)
    assert found.raw["calls"] == [25] * 5


def test_without_counters_there_is_no_value(clock, tmp_path):
    """And no model of one."""
    found = measure_energy(Case(batch=lambda _: lambda: None, clock=clock, sleeper=clock, root=tmp_path))
    assert (found.is_measured, "no energy counters" in found.reason) == (False, True)


def test_counters_that_only_the_administrator_may_read_are_said_to_be_that(clock, tmp_path, monkeypatch):
    """As on most systems since 2020."""
    zone(tmp_path, "intel-rapl:0", "package-0")

    def refuse(self, *_, **__):
        if self.name == "energy_uj":
            raise PermissionError
        return "package-0" if self.name == "name" else "1000"

    monkeypatch.setattr(Path, "read_text", refuse)
    found = measure_energy(Case(batch=lambda _: lambda: None, clock=clock, sleeper=clock, root=tmp_path))
    assert "administrator" in found.reason


def test_an_inference_that_drowns_in_idle_has_no_value(clock, tmp_path):
    """A counter that does not move tells nothing."""
    zone(tmp_path, "intel-rapl:0", "package-0")
    batch = lambda _: lambda: clock.pass_time(10**8)
    found = measure_energy(Case(batch=batch, clock=clock, sleeper=clock, root=tmp_path))
    assert "could not be told" in found.reason


def test_packages_and_memory_are_counted_and_their_parts_are_not(tmp_path):
    """Cores lie in a package, and psys holds the packages."""
    for place, name in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:0:1", "dram"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:2", "psys"),
    ):
        zone(tmp_path, place, name)
    assert [found.name for found in rapl_zones(tmp_path)] == ["package-0", "dram", "package-1"]


def test_each_counter_wraps_at_its_own_limit():
    """Their sum is in joules."""
    zones = [Zone("a", Path("a"), 1_000_000), Zone("b", Path("b"), 10_000_000)]
    assert joules_between(zones, [999_999, 5], [1, 2_000_005]) == pytest.approx(2.000002)
