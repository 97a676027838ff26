"""Real workers: those that answer, and those that fail in one way each, told and cleaned up."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tinytorch.benchmarking.subjects import Workload, subject_of
from tinytorch.benchmarking.workers import (
    Conditions,
    FailureKind,
    Kin,
    WorkerError,
    WorkerKind,
    kind_for,
    launch,
    target_of,
)

SECONDS = 60.0
OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python"))
TESTS = str(Path(__file__).parent.parent.parent)


@pytest.fixture
def start():
    """Start workers, and close them all in the end, the last first."""
    workers = []

    def start(given, live="auto", **of):
        subject = subject_of(given, **of)
        worker = launch(subject, Conditions(hash_seed=1, padding=9), kind_for(subject, live))
        workers.append(worker)
        worker.send("load", target=target_of(subject))
        return worker

    yield start
    for worker in reversed(workers):
        worker.close()


def failure_of(worker, *requests, seconds=SECONDS):
    """Have a worker load, and answer more requests, until it fails."""
    try:
        worker.receive(seconds)
        for command, arguments in requests:
            worker.ask(command, seconds, **arguments)
    except WorkerError as error:
        return error.failure
    return pytest.fail("the worker did not fail")


LIVE = {"fresh": ("specimens:multiplies", "auto"), "fork": (lambda: 2, "fork"), "here": (lambda: 2, "in-process")}


@pytest.mark.parametrize(("given", "live"), LIVE.values(), ids=LIVE)
def test_a_worker_answers_every_request(start, given, live):
    """Load, calibrate, warm up, epochs, single calls, yardstick, outputs, memory and status."""
    worker = start(given, live)
    loaded = worker.receive(SECONDS)
    assert min(loaded[name] for name in ("import_ns", "build_ns", "first_call_ns", "second_call_ns")) >= 0
    assert loaded["outputs"][0] == loaded["outputs"][1] == worker.ask("outputs", SECONDS)
    assert worker.ask("calibrate", SECONDS, target_ns=1000)["calls"] >= 1
    assert len(worker.ask("warm_up", SECONDS, calls=2, epochs=5, limit_ns=10**9)["epochs_ns"]) == 5
    assert set(worker.ask("epoch", SECONDS, calls=3)) == {"wall_ns", "cpu_ns", "switches", "collections"}
    assert len(worker.ask("single", SECONDS, calls=4)["durations_ns"]) == 4
    assert worker.ask("yardstick", SECONDS)["wall_ns"] > 0
    assert len(worker.ask("memory", SECONDS)["passes"]) == 5
    before = worker.ask("status", SECONDS)["calls"]
    worker.ask("epoch", SECONDS, calls=3)
    assert worker.ask("status", SECONDS)["calls"] == before + 4


def test_a_fresh_worker_has_the_conditions_it_was_given(start):
    """Hash seed, padding and threads come through its environment."""
    worker = start("specimens:reports_environment")
    worker.receive(SECONDS)
    said = worker.ask("predictions", SECONDS)["scores"]
    assert said == ["1", "x" * 9, "1", "1"]


def test_a_model_and_its_inputs_are_called_and_its_labels_given(start):
    """The third form of a factory's result."""
    worker = start((lambda x: x * 2, np.ones(2), np.array([0, 1])), "fork")
    worker.receive(SECONDS)
    told = worker.ask("predictions", SECONDS)
    assert (told["scores"], told["labels"]) == ([2.0, 2.0], [0, 1])


def test_a_workload_is_recognized_by_its_attributes(start):
    """A factory in another environment cannot import our class."""
    worker = start(Workload(lambda: 5), "in-process")
    worker.receive(SECONDS)
    assert failure_of_asking(worker, "predictions").kind is FailureKind.REFUSED


def failure_of_asking(worker, command):
    """Ask for what cannot be had."""
    with pytest.raises(WorkerError) as caught:
        worker.ask(command, SECONDS)
    return caught.value.failure


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("specimens:nothing", "the factory must return a call"),
        ("specimens:needs_arguments", "must be a call without arguments"),
        ("specimens:missing", "no 'missing' in it"),
        ("specimens:TEN", "must be callable"),
    ],
)
def test_a_factory_that_gives_nothing_to_measure_is_refused_with_a_remedy(start, given, words):
    """A misuse is told from an error."""
    failure = failure_of(start(given))
    assert failure.kind is FailureKind.REFUSED
    assert words in failure.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("no_such_module:make", "ModuleNotFoundError"),
        ("specimens:fails_to_build", "RuntimeError: no weights"),
        ("specimens:exits", "SystemExit: 3"),
        ("specimens:multiplies?sides=3", "unexpected keyword argument"),
    ],
)
def test_an_error_of_the_subject_is_told_with_its_traceback(start, given, words):
    """Also one that asks the interpreter to end."""
    failure = failure_of(start(given))
    assert failure.kind is FailureKind.RAISED
    assert words in failure.message
    assert "Traceback" in failure.traceback


@pytest.mark.parametrize("live", ["auto", "fork", "in-process"])
def test_an_error_in_call_1000_is_told_with_the_number_of_the_call(start, live):
    """In the middle of an epoch."""
    from specimens import raises_in_call

    given = "specimens:raises_in_call" if live == "auto" else raises_in_call()
    failure = failure_of(start(given, live), ("epoch", {"calls": 5000}))
    assert (failure.kind, failure.calls, failure.message) == (FailureKind.RAISED, 1000, "ZeroDivisionError: call 1000")
    assert "specimens.py" in failure.traceback


def test_a_worker_that_exits_is_told_with_its_code(start):
    """Nobody waits for its answer."""
    failure = failure_of(start("specimens:dies"))
    assert (failure.kind, failure.exit_code, failure.during) == (FailureKind.DIED, 7, "load")


@pytest.mark.parametrize("live", ["auto", "fork"])
def test_a_worker_that_is_killed_is_told_with_the_signal(start, live):
    """As the system does when memory runs out."""
    from specimens import kills_itself

    failure = failure_of(start("specimens:kills_itself" if live == "auto" else kills_itself(), live), EPOCH)
    assert (failure.kind, failure.exit_code) == (FailureKind.DIED, -9)
    assert "SIGKILL" in failure.message


EPOCH = ("epoch", {"calls": 10})


@pytest.mark.parametrize("live", ["auto", "fork"])
def test_a_worker_that_hangs_is_killed_and_told_with_where_it_stood(start, live):
    """The traceback is that of the endless loop."""
    from specimens import hangs_later

    worker = start("specimens:hangs_later" if live == "auto" else hangs_later(), live)
    worker.receive(SECONDS)
    with pytest.raises(WorkerError) as caught:
        worker.ask("epoch", 0.2, calls=10)
    assert caught.value.failure.kind is FailureKind.HUNG
    assert "in endless" in caught.value.failure.traceback


@pytest.mark.parametrize("live", ["auto", "fork"])
def test_what_a_subject_prints_breaks_nothing_and_is_kept(start, live):
    """Also what goes past Python's own streams."""
    from specimens import prints

    worker = start("specimens:prints" if live == "auto" else prints(), live)
    worker.receive(SECONDS)
    ended = worker.close()
    assert "hello\nhello\n" in ended.stdout
    assert "raw\nraw\n" in ended.stderr


def test_a_flood_of_output_is_read_and_only_its_end_kept(start):
    """A full pipe would be a hang."""
    worker = start("specimens:floods")
    worker.receive(SECONDS)
    ended = worker.close()
    assert ended.printed_bytes == 2_000_000
    assert len(ended.stdout) == 16_384


@pytest.mark.parametrize("live", ["auto", "fork"])
def test_a_subject_that_forks_in_every_call_neither_multiplies_nor_answers_twice(start, live):
    """Each child ends when it comes back from the call; the forks are counted."""
    from specimens import forks

    worker = start("specimens:forks" if live == "auto" else forks(), live)
    worker.receive(SECONDS)
    worker.ask("epoch", SECONDS, calls=5)
    assert (worker.ask("status", SECONDS)["forks"], worker.ask("status", SECONDS)["calls"]) == (8, 8)


def test_processes_that_a_subject_leaves_behind_are_killed_and_told(start):
    """Nothing outlives the measurement."""
    worker = start("specimens:leaves_children")
    worker.receive(SECONDS)
    child = int(worker.ask("predictions", SECONDS)["scores"][0])
    assert worker.close().left_children
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_an_interpreter_that_is_not_there_is_told():
    """No bare OSError, and no open pipe."""
    subject = subject_of("specimens:adds", python="/nonexistent/python")
    with pytest.raises(WorkerError, match="cannot be started"):
        launch(subject, Conditions(), WorkerKind.PROCESS)


def test_another_interpreter_sees_nothing_of_this_one(start, monkeypatch):
    """Neither our modules nor our search path: what is judged is what is installed there."""
    monkeypatch.setenv("PYTHONPATH", "/our/own/modules")
    worker = start("specimens:where", python=sys.executable, paths=(TESTS,))
    worker.receive(SECONDS)
    said = worker.ask("predictions", SECONDS)["scores"]
    assert said[0] == TESTS
    assert "/our/own/modules" not in said
    assert not any(name.partition(".")[0] == "tinytorch" for name in said[said.index("--") :])


def test_the_program_leaves_its_own_folder_off_the_path(start):
    """A subject's `import frames` must find the subject's."""
    worker = start("specimens:where")
    worker.receive(SECONDS)
    assert not any("workers/program" in name for name in worker.ask("predictions", SECONDS)["scores"])


@pytest.mark.skipif(not OLD_PYTHONS, reason="there is no Python 3.9 here")
def test_python_3_9_runs_the_program(start):
    """A library upgrade is judged with the interpreter it came with."""
    worker = start("bare_specimens:adds", python=str(OLD_PYTHONS[0]), paths=(TESTS,))
    assert worker.receive(SECONDS)["python"].startswith("3.9.")
    assert worker.ask("epoch", SECONDS, calls=2)["wall_ns"] > 0


def test_a_live_subject_is_forked_where_that_is_safe(monkeypatch):
    """And measured right here where it is not."""
    live = subject_of(lambda: 1)
    monkeypatch.setattr(sys, "platform", "linux")
    assert kind_for(live) is WorkerKind.FORK
    monkeypatch.setattr(sys, "platform", "darwin")
    assert kind_for(live) is WorkerKind.IN_PROCESS
    assert kind_for(subject_of("a:b"), "fork") is WorkerKind.PROCESS


def test_no_worker_leaves_a_zombie(start):
    """Every child is reaped when its worker is closed."""
    workers = [start("specimens:adds"), start(lambda: 1, "fork"), start("specimens:dies")]
    for worker in workers:
        worker.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.fixture
def kin():
    """Start workers that are kin, and end them."""
    made = []

    def start(*given):
        subjects = [subject_of(one) for one in given]
        made.append(Kin(subjects))
        conditions = Conditions(hash_seed=1, padding=9, kin=made[-1])
        return subjects, [launch(subject, conditions, WorkerKind.PROCESS) for subject in subjects]

    yield start
    for one in made:
        one.close()


def test_kin_have_their_addresses_in_common_and_others_have_not(kin):
    """The system draws new addresses for a fresh interpreter, not for its forks."""
    found = []
    for _ in range(2):
        subjects, workers = kin("specimens:addresses", "specimens:addresses")
        for subject, worker in zip(subjects, workers, strict=True):
            worker.ask("load", SECONDS, target=target_of(subject))
        found.append({str(worker.ask("predictions", SECONDS)["scores"]) for worker in workers})
    assert [len(digests) for digests in found] == [1, 1]
    assert not found[0] & found[1]


def test_kin_die_one_by_one_and_say_how(kin):
    """Who forked them tells how each ended; the other goes on."""
    subjects, (first, second) = kin("specimens:kills_itself", "specimens:multiplies")
    first.send("load", target=target_of(subjects[0]))
    failure = failure_of(first, ("epoch", {"calls": 9}))
    assert (failure.kind, failure.exit_code) == (FailureKind.DIED, -9)
    second.ask("load", SECONDS, target=target_of(subjects[1]))
    assert second.ask("epoch", SECONDS, calls=3)["wall_ns"] > 0
    assert second.close().exit_code == 0


def test_without_an_interpreter_that_can_be_forked_each_is_started_alone(kin, tmp_path):
    """One that ends at once gives no kin, and the story of what a start alone comes to."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no python here >&2\nexit 3\n")
    broken.chmod(0o755)
    subject = subject_of("specimens:multiplies", python=str(broken))
    alone = launch(subject, Conditions(kin=Kin([subject, subject])), WorkerKind.PROCESS)
    alone.send("load", target=target_of(subject))
    failure = failure_of(alone)
    assert (failure.exit_code, failure.stderr.strip()) == (3, "no python here")


@pytest.mark.skipif(sys.platform != "linux", reason="a system call of Linux deals pages")
def test_dealing_pages_is_no_fork_of_the_subject_and_leaves_no_child(start):
    """Its results stay, and what it forked is not counted."""
    worker = start("specimens:multiplies")
    worker.receive(SECONDS)
    before = worker.ask("outputs", SECONDS)
    assert worker.ask("deal", SECONDS) == {"dealt": True}
    assert worker.ask("outputs", SECONDS) == before
    assert worker.ask("status", SECONDS)["forks"] == 0
    assert not worker.close().left_children


def test_a_worker_is_held_on_a_core_that_there_is(start):
    """On another it is not, and says so."""
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("the system holds nobody on a core")
    worker = start("specimens:multiplies")
    worker.receive(SECONDS)
    assert worker.ask("pin", SECONDS, core=min(os.sched_getaffinity(0))) == {"pinned": True}
    assert worker.ask("pin", SECONDS, core=100_000) == {"pinned": False}
