"""What a certificate says of its instrument, from a null run on a virtual clock."""

import json
import math
from dataclasses import replace

import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import Certificate, Comparison, Design, certify, compare
from tinytorch.benchmarking.certificate import REMARKS
from tinytorch.benchmarking.statistics import Outcome, Shape, judge
from tinytorch.errors import RangeError

SECOND = 1_000_000_000
QUIET = {"is_virtual": False, "smt_is_on": False, "cpu_governor": None}
STEADY = Certificate(
    log_ratios=((0.001, -0.001, 0.002, -0.002),) * 6,
    medians=tuple(1e-5 + 1e-8 * step for step in range(20)),
    clock={"cost_ns": 60, "resolution_ns": 20, "is_monotonic": True},
    yardstick_cv=0.01,
    steal_seconds=0.0,
    throttled_seconds=0.0,
    worker_kind="process",
    seconds=2.0,
    machine=QUIET,
)
TWO_SPEEDS = (5.3e-6, 8.3e-6) * 10
CLOSE = tuple(1e-5 * (1 + step % 2 + 0.075 * (step % 10)) for step in range(20))
REMARKED = {
    "false alarm": {"log_ratios": ((0.05, 0.051, 0.049, 0.05),) * 6},
    "wide": {"log_ratios": ((0.2, 0.3, 0.1), (-0.2, -0.3, -0.1))},
    "broken off": {"complete": False},
    "57% apart": {"medians": TWO_SPEEDS},
    "close together": {"medians": CLOSE},
    "Too short": {"medians": TWO_SPEEDS[:4]},
    "virtual machine": {"machine": QUIET | {"is_virtual": True}},
    "1.50 s away": {"steal_seconds": 1.5},
    "stopped it for 0.20 s": {"throttled_seconds": 0.2},
    "share each core": {"machine": QUIET | {"smt_is_on": True}},
    "governor is powersave": {"machine": QUIET | {"cpu_governor": "powersave"}},
    "varied by 9%": {"yardstick_cv": 0.09},
    "ran backwards": {"clock": STEADY.clock | {"is_monotonic": False}},
    "coarse": {"clock": STEADY.clock | {"resolution_ns": 15_000_000}},
    "live objects": {"worker_kind": "fork"},
}


def compared(world, *costs, **options):
    """Compare on paper, with a certificate."""
    return compare(*map(Cost, costs), hooks=world.hooks(), seed=7, **options)


def test_a_perfect_machine_has_a_perfect_one(clock):
    """Nothing drifts, so nothing cannot be told apart."""
    found = certify(Cost(10_000), seed=1, hooks=World(clock).hooks())
    assert (found.half_width, found.is_false_alarm, found.worker_kind) == (0.0, False, "process")
    assert "1.0000 times as fast" in found.sentences()[0]


def test_its_rounds_are_kept_and_can_be_judged_again(clock):
    """Six sessions of sixteen, after a journey through JSON too."""
    found = certify(Cost(10_000), seed=1, hooks=World(clock, lambda now: 1 + math.sin(now / 1e7) / 9).hooks())
    again = Certificate.from_dict(json.loads(json.dumps(found.to_dict())))
    assert ([len(session) for session in found.log_ratios], again) == ([16] * 6, found)
    assert (judge(again.log_ratios).ratio, judge(again.log_ratios).outcome) == (found.null, found.outcome)


@pytest.mark.parametrize(("seconds", "shape"), [(2.0, Shape.UNCLEAR), (40.0, Shape.TWO)])
def test_two_speeds_are_found_where_there_is_time_enough(clock, seconds, shape):
    """Two seconds have too few halves to tell; in forty a machine that changes every half second shows itself."""
    world = World(clock, lambda now: 8.3 / 5.3 if now // (SECOND // 2) % 2 else 1.0)
    found = certify(Cost(5300), seed=1, seconds=seconds, hooks=world.hooks())
    assert found.regimes.shape is shape
    assert any("two speeds" in sentence for sentence in found.sentences()) is (shape is Shape.TWO)


def test_a_steady_machine_has_nothing_remarked():
    """One sentence on what it can tell, and no advice."""
    assert len(STEADY.sentences()) == 1
    assert "cannot be told from nothing here" in STEADY.sentences()[0]


@pytest.mark.parametrize(("words", "fault"), REMARKED.items())
def test_each_fault_is_remarked(words, fault):
    """And by its own remark; a remark that no fault calls up would be no check."""
    said = " ".join(replace(STEADY, **fault).sentences()[1:])
    assert words in said


def test_every_remark_has_its_fault():
    """A new remark needs a row above."""
    assert len(REMARKED) == len(REMARKS)


def test_what_follows_is_given_by_name():
    """For a log of many machines; in terms of JSON."""
    found = json.loads(json.dumps(replace(STEADY, medians=TWO_SPEEDS).findings()))
    assert (found["outcome"], found["regimes"]["shape"], len(found["sentences"])) == ("equivalent", "two", 2)
    assert found["half_width"] == STEADY.half_width


def test_one_session_bounds_nothing():
    """Then no difference can be told from nothing."""
    one = replace(STEADY, log_ratios=STEADY.log_ratios[:1])
    assert one.half_width == 1.0
    assert "nothing bounds it" in one.sentences()[0]


def test_a_slow_subject_gets_its_null_run_out_of_the_comparisons_budget(clock):
    """Thirty rounds of a fifth of a second are longer than two seconds, and still fewer than the comparison's."""
    found = compared(World(clock), SECOND // 10, SECOND // 10, preset="quick")
    assert [len(session) for session in found.certificate.log_ratios] == [10] * 3
    with pytest.raises(RangeError, match="the budget must be at least"):
        certify(Cost(SECOND), hooks=World(clock).hooks())


@pytest.mark.parametrize(("width", "is_within"), [(0.10, False), (0.25, True)])
def test_a_change_within_the_null_width_is_marked_and_stays_what_it_is(clock, width, is_within):
    """The interval decides the outcome; that identical variants may be as far apart is said beside it."""
    found = compared(World(clock), 12_000, 10_000)
    null = tuple((math.log1p(width), -math.log1p(width)) * 9 for _ in range(6))
    verdict = replace(found, certificate=replace(STEADY, log_ratios=null)).verdict
    assert (verdict.outcome, verdict.null_width) == (Outcome.FASTER, pytest.approx(width))
    assert (verdict.is_within_null, "see it a second time" in verdict.sentence()) == (is_within, is_within)


def test_without_a_certificate_nothing_is_marked(clock):
    """Nobody asked what the instrument is worth."""
    verdict = compared(World(clock), 12_000, 10_000, certified=False).verdict
    assert (verdict.null_width, verdict.is_within_null) == (0.0, False)


def test_equivalent_and_undecided_are_never_marked(clock):
    """They claim no change."""
    found = compared(World(clock), 10_000, 10_000)
    null = ((0.1, -0.1) * 9,) * 6
    assert not replace(found, certificate=replace(STEADY, log_ratios=null)).verdict.is_within_null


def test_a_comparison_carries_it_through_json(clock):
    """Raw rounds, medians and all."""
    found = compared(World(clock), 12_000, 10_000, preset=Design(3, 20))
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))).certificate == found.certificate
