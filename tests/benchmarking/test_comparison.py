"""Comparisons on a virtual clock: what comes out is known to the bit."""

import json
import math
from dataclasses import replace

import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import PRESETS, Comparison, Design, compare
from tinytorch.benchmarking.statistics import Outcome
from tinytorch.errors import MeasurementError, RangeError

SECOND = 1_000_000_000


@pytest.fixture
def world(clock):
    """Give a machine on which nothing happens by chance."""
    return World(clock)


def compared(world, *costs, **options):
    """Compare calls of these costs, without a certificate unless asked for."""
    subjects = [cost if isinstance(cost, Cost) else Cost(cost) for cost in costs]
    return compare(*subjects, hooks=world.hooks(), seed=7, **{"certified": False} | options)


def test_a_constant_ratio_is_found_to_the_bit(world):
    """Twice the cost takes twice as long in every round."""
    found = compared(world, 20_000, 10_000)
    assert (found.ratio.value, found.ratio.low, found.ratio.high) == pytest.approx((2, 2, 2), abs=1e-12)
    assert found.verdict.outcome is Outcome.FASTER
    assert {len(session) for session in found.log_ratios()} == {24}


def test_identical_variants_are_equivalent(world):
    """No difference is no difference."""
    found = compared(world, 10_000, 10_000)
    assert (found.ratio.value, found.verdict.outcome) == (1.0, Outcome.EQUIVALENT)


@pytest.mark.parametrize("period", [0.7, 3.0, 40.0])
def test_a_drifting_machine_does_not_bias_the_ratio(clock, period):
    """A speed that swings by 20 % over seconds moves the ratio by less than 0.01 %."""
    world = World(clock, lambda now: 1 + 0.2 * math.sin(2 * math.pi * now / SECOND / period))
    found = compared(world, 102_000, 100_000, preset="rigorous")
    assert found.ratio.value == pytest.approx(1.02, rel=1e-4)


def test_a_steadily_slowing_machine_does_not_bias_the_ratio(clock):
    """Turns in the order ABBA cancel what grows linearly."""
    world = World(clock, lambda now: 1 + now / SECOND / 10)
    assert compared(world, 102_000, 100_000).ratio.value == pytest.approx(1.02, rel=1e-4)


def test_a_machine_of_two_speeds_does_not_bias_the_ratio(clock):
    """5.3 or 8.3 µs, switching every half second: the ratio is right within 0.3 %, and the two speeds are found."""
    world = World(clock, lambda now: 8.3 / 5.3 if now // (SECOND // 2) % 2 else 1.0)
    found = compared(world, 5406, 5300, preset=Design(sessions=6, rounds=2000))
    assert found.ratio.value == pytest.approx(1.02, rel=3e-3)
    assert [round(mode.location * 1e6, 1) for mode in found.regimes(1).modes] == [5.3, 8.3]


def test_spikes_do_not_move_the_ratio(clock):
    """An epoch in fifty that takes ten times as long is no epoch in two."""
    world = World(clock, lambda now: 10.0 if now // 1_300_000 % 50 == 0 else 1.0)
    assert compared(world, 102_000, 100_000).ratio.value == pytest.approx(1.02, rel=1e-9)


def test_one_number_of_calls_serves_all_variants(world):
    """The fastest of them reaches the target of 1 ms, the slowest stays under 5 ms."""
    found = compared(world, 40_000, 10_000)
    assert {session.calls for session in found.sessions} == {125}


def test_a_slow_call_is_an_epoch_of_its_own(world):
    """What takes longer than 5 ms is called once."""
    assert compared(world, 20_000_000, 21_000_000).sessions[0].calls == 1


def test_too_slow_for_the_budget_means_fewer_rounds_and_says_so(world):
    """A call of 200 ms leaves room for fewer rounds than planned."""
    found = compared(world, 200_000_000, 200_000_000, preset="quick")
    assert (found.design.sessions, found.design.rounds) == (6, 12)
    assert found.notes == ("To keep to 30 s, 6 sessions of 12 rounds were made instead of 6 of 16.",)


def test_far_too_slow_for_the_budget_is_refused(world):
    """Three sessions of ten rounds are the least that says anything."""
    with pytest.raises(RangeError, match="the budget must be at least 120 s"):
        compared(world, 2 * SECOND, 2 * SECOND, preset="quick")


def test_the_same_seed_gives_the_same_comparison(clock, make_clock):
    """Orders, hash seeds and paddings follow from it."""
    first, second = (compared(World(made), 12_000, 10_000) for made in (clock, make_clock()))
    assert first.sessions == second.sessions


def test_more_than_two_variants_share_the_rounds(world):
    """Each is compared with the baseline, and p-values are corrected for their number."""
    found = compared(world, 12_000, 10_000, 12_000, 24_000)
    assert [round(found.verdict_of(n).ratio.value, 6) for n in (1, 2, 3)] == [1.2, 1.0, 0.5]
    assert all(sorted(order) == [0, 1, 2, 3] for session in found.sessions for order in session.orders)
    assert found.adjusted_p_values()[1] == 1.0


def test_a_record_survives_json(world):
    """A file tells everything again, raw samples included."""
    found = compare(Cost(12_000), Cost(10_000), hooks=world.hooks(), seed=7)
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_variant_that_dies_once_keeps_its_other_sessions(world):
    """The session it died in counts up to there; the others are whole."""
    found = compared(world, Cost(12_000), Cost(10_000, fails_at=100))
    rounds = [len(session) for session in found.log_ratios()]
    assert (rounds.count(24), min(rounds) < 24, found.complete) == (9, True, True)
    assert found.warnings()[-1] == "Cost died in session 4, during epoch: its process was ended by SIGKILL."
    assert all(worker.closed for worker in world.workers)


def test_a_variant_that_always_dies_leaves_the_others_compared(world):
    """Two failures, and it is given up; what it spoils is only itself."""
    found = compared(world, Cost(12_000), Cost(10_000, always_fails=True), Cost(6_000))
    assert (found.verdict_of(2).ratio.value, len(found.lost)) == (pytest.approx(2.0), 2)


def test_a_comparison_without_a_single_pair_is_an_error_that_tells_the_story(world):
    """Nothing can be said of variants that never ran."""
    with pytest.raises(MeasurementError, match="ended by SIGKILL"):
        compared(world, Cost(12_000), Cost(10_000, always_fails=True))


def test_a_decision_stops_early_and_a_null_does_not_decide(world):
    """The test that may be looked at any time ends a clear case after three sessions, the fewest there must be."""
    assert len(compared(world, 12_000, 10_000, stop="decision").sessions) == 3
    null = compared(world, 10_000, 10_000, stop="decision", preset=Design(2, 20))
    assert (len(null.sessions), null.verdict.outcome) == (8, Outcome.UNDECIDED)


def test_stopping_by_width_looks_at_the_width_only(world):
    """A perfectly steady machine is narrow enough at the first look."""
    assert len(compared(world, 12_000, 10_000, stop="width", preset=Design(4, 20)).sessions) == 4


def test_attempts_are_told_from_start_to_end(world):
    """A ledger hears of every attempt, finished or not."""
    heard = []
    hooks = world.hooks(on_attempt=lambda event, record: heard.append((event, record["seed"])))
    compare(Cost(12_000), Cost(10_000), hooks=hooks, seed=7, certified=False)
    assert heard == [("started", 7), ("finished", 7)]


def test_outputs_that_differ_are_told(world):
    """Speed says little where the results are not the same."""
    assert compared(world, 12_000, 10_000).outputs_agree() is True
    assert compared(world, Cost(12_000, "one"), Cost(10_000, "another")).outputs_agree() is False


def test_a_machine_that_never_settles_has_no_latency_and_still_a_ratio(clock):
    """`no steady state` refuses the absolute number of each; what ran side by side drifted together."""
    world = World(clock, lambda now: 1 + now / SECOND * 10)
    found = compared(world, 1200, 1000, preset=Design(sessions=3, rounds=20, epoch_ns=200_000))
    assert (found.latency(0).value, found.latency(1).value) == (None, None)
    assert found.latency(0).reason.startswith("no steady state")
    assert sum("no steady state" in warning for warning in found.warnings()) == 2
    assert found.ratio.value == pytest.approx(1.2, rel=0.05)


def test_too_few_epochs_of_warming_up_show_nothing(world):
    """A slow variant has a latency, though nobody can say that it settled."""
    found = compared(world, 40_000_000, 40_000_000, preset=Design(sessions=3, rounds=10))
    assert len(found.sessions[0].turns[0].warmup_ns) < 125
    assert found.latency(0).value == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("environment", "steal", "is_said"),
    [({"is_virtual": True}, 0.0, True), ({}, 0.5, True), ({"is_virtual": False}, 0.0, False), ({}, None, False)],
)
def test_what_a_latency_is_worth_is_said_where_the_machine_is_shared(world, environment, steal, is_said):
    """By a virtual machine's own word, or by the time that a hypervisor was seen to take."""
    found = compared(world, 20_000, 10_000)
    sessions = tuple(replace(session, counters={"steal_seconds": steal}) for session in found.sessions)
    found = replace(found, environment=environment, sessions=sessions)
    assert any("worth a quarter either way" in warning for warning in found.warnings()) is is_said


def test_presets_are_those_that_the_documentation_names():
    """Sessions by rounds: many short sessions, since it is they that differ."""
    plans = {name: (design.sessions, design.rounds) for name, design in PRESETS.items()}
    assert plans == {"quick": (6, 16), "standard": (10, 24), "rigorous": (30, 48)}


def test_all_workers_of_a_session_start_under_the_same_conditions(world):
    """Another hash seed and another padding move the speed by themselves: each session draws one of both, for all."""
    compared(world, 12_000, 10_000, preset=Design(3, 4))
    drawn = [(worker.conditions.hash_seed, worker.conditions.padding) for worker in world.workers]
    assert drawn[0::2] == drawn[1::2]
    assert len(set(drawn)) == 3


def test_all_workers_of_a_session_are_held_on_one_core_which_the_sessions_share(world):
    """A core is drawn for each session; nobody is held where libraries may use more threads than one."""
    found = compare(Cost(9_000), Cost(9_000), hooks=world.hooks(cores=lambda: [4, 5]), seed=7, certified=False)
    cores = [{turns.process["core"] for turns in session.turns} for session in found.sessions]
    assert {len(session) for session in cores} == {1}
    assert set.union(*cores) == {4, 5}
    many = Design(2, 4, threads=2)
    found = compare(Cost(9), Cost(9), hooks=world.hooks(cores=lambda: [4, 5]), seed=7, preset=many, certified=False)
    assert "core" not in found.sessions[0].turns[0].process


def test_pages_are_dealt_out_anew_every_eight_rounds(world):
    """Before the ninth and the seventeenth of 24 rounds, in every worker."""
    compared(world, 12_000, 10_000, preset=Design(2, 24))
    asked = [[name for name in worker.asked if name in {"epoch", "deal"}] for worker in world.workers]
    rounds = [names[-26:] for names in asked]
    assert rounds == [(["epoch"] * 8 + ["deal"]) * 2 + ["epoch"] * 8] * 4
