"""Ctrl-C at each stage of a comparison and of a null run: what was measured stays, and nothing is left running."""

import json
from dataclasses import replace

import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import Comparison, Design, certify, compare


def interrupted(clock, worker, command, times=1):
    """Give a machine whose user presses Ctrl-C at this request of this worker, counted from 1."""
    world = World(clock)
    world.interrupts_at = (command, worker, times)
    return world


def at_step(stage, step):
    """Interrupt when this progress is told."""

    def told(progress):
        if (progress.stage, progress.step) == (stage, step):
            raise KeyboardInterrupt

    return told


def compared(world, *costs, heard=None, on_progress=lambda _: None, **options):
    """Compare on paper, and check that no worker is left."""
    hooks = world.hooks(on_progress=on_progress, on_attempt=lambda event, _: (heard or []).append(event))
    found = compare(*(costs or (Cost(12_000), Cost(10_000))), hooks=hooks, seed=7, **options)
    assert all(worker.closed for worker in world.workers)
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    return replace(found, environment={})


def test_in_a_round_its_session_counts_up_to_there(clock):
    """Ctrl-C as the seventh round of the fourth session ends: six are whole, and the three sessions before."""
    found = compared(World(clock), on_progress=at_step("comparing", 3 * 24 + 7), certified=False)
    assert (found.complete, [len(session) for session in found.log_ratios()]) == (False, [24, 24, 24, 6])
    assert found.ratio.value == pytest.approx(1.2)
    assert found.warnings() == ["It was broken off after 3 of 10 sessions and 6 of 24 rounds of the next."]


def test_between_two_turns_of_a_round_the_round_does_not_count(clock):
    """A round of which only one variant has its epoch cannot be paired, and no column is longer than another."""
    world = interrupted(clock, worker=2, command="epoch", times=30)
    session = compared(world, certified=False).sessions[-1]
    lengths = {len(column) for turns in session.turns for column in (turns.wall_ns, turns.cpu_ns, turns.switches)}
    assert lengths == {len(session.orders)} == {len(session.steal_seconds)}
    assert 0 < len(session.orders) < 24


def test_a_part_can_be_cleaned_and_weighed_like_a_whole(clock):
    """All that follows from rounds follows from those there are."""
    found = compared(World(clock), on_progress=at_step("comparing", 24 + 7), certified=False)
    assert found.cleaned().all_rounds.rounds == 30
    assert 0 <= found.overhead_share < 1
    assert found.seconds > 0


@pytest.mark.parametrize("command", ["load", "collect", "yardstick", "warm_up"])
def test_before_the_first_round_nothing_was_compared(clock, command):
    """It comes back all the same, says so, and has no verdict."""
    found = compared(interrupted(clock, worker=1, command=command), certified=False)
    assert (found.complete, found.sessions, found.certificate) == (False, (), None)
    assert found.warnings() == ["It was broken off before a round was whole: nothing can be said of the variants."]


@pytest.mark.parametrize(("command", "times"), [("yardstick", 8), ("status", 1), ("outputs", 1)])
def test_after_the_last_round_the_session_is_whole(clock, command, times):
    """What comes after its rounds is left out; the next session is not begun."""
    world = interrupted(clock, worker=1, command=command, times=times)
    found = compared(world, certified=False)
    assert (len(found.sessions), len(found.log_ratios()[0]), len(world.workers)) == (1, 24, 2)
    assert found.warnings() == ["It was broken off after 1 of 10 sessions."]


@pytest.mark.parametrize("command", ["load", "warm_up"])
def test_in_the_null_run_before_a_round_there_is_neither_certificate_nor_comparison(clock, command):
    """It ends there: Ctrl-C does not mean that the next stage should begin."""
    found = compared(world := interrupted(clock, worker=1, command=command))
    assert (found.complete, found.sessions, found.certificate, len(world.workers)) == (False, (), None, 2)


def test_in_the_rounds_of_the_null_run_the_certificate_is_of_those(clock):
    """Its own part is judged and says that it is one; nothing was compared."""
    found = compared(World(clock), on_progress=at_step("certifying", 16 + 5))
    assert (found.sessions, found.certificate.complete) == ((), False)
    assert [len(session) for session in found.certificate.log_ratios] == [16, 4]
    assert any("broken off" in sentence for sentence in found.certificate.sentences())


def test_a_ledger_hears_that_it_was_broken_off(clock):
    """An attempt that was broken off is one, at whatever stage."""
    for progress in (at_step("certifying", 5), at_step("comparing", 5)):
        heard = ["nothing yet"]
        compared(World(clock), on_progress=progress, heard=heard)
        assert heard[1:] == ["started", "aborted"]


def test_the_next_rule_of_stopping_does_not_go_on(clock):
    """Nor does a run that may take more sessions than planned."""
    found = compared(
        World(clock),
        *(Cost(10_000), Cost(10_000)),
        on_progress=at_step("comparing", 25),
        certified=False,
        stop="decision",
        preset=Design(2, 20),
    )
    assert [len(session) for session in found.log_ratios()] == [20, 4]


def test_a_certificate_alone_keeps_its_part_too(clock):
    """As `tinytorch doctor` needs it; without a single round there is nothing to keep."""
    hooks = World(clock).hooks(on_progress=at_step("certifying", 40))
    assert certify(Cost(10_000), seed=1, hooks=hooks).null.rounds == 39
    with pytest.raises(KeyboardInterrupt):
        certify(Cost(10_000), seed=1, hooks=World(clock).hooks(on_progress=at_step("certifying", 1)))
