"""The ledger: it only grows, and whatever is done to it otherwise is found."""

import base64
import errno
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.capstone.provenance import Ledger, Tries, attempts_section, contradictions
from tinytorch.capstone.provenance.canonical import sha256_of
from tinytorch.capstone.provenance.ledger import default_ledger
from tinytorch.capstone.provenance.locking import Patience, locked
from tinytorch.capstone.record import canonical_bytes, document_sha256
from tinytorch.errors import DataError, RangeError, StateError

SHA = "ab" * 32


def filled(ledger):
    """Enter a finished attempt, an aborted one, one that was never heard of again, and one of another campaign."""
    ledger.start("a").finish(SHA, "1.3 times as fast")
    ledger.start("a", {"seed": 3}).abort("too slow")
    ledger.start("a")
    ledger.start("b").finish(None, "nothing")
    return ledger


def lines_of(ledger):
    """Give the lines with their ends."""
    return ledger.path.read_bytes().splitlines(keepends=True)


def said(ledger):
    """Give all problems as one text."""
    return "\n".join(ledger.problems())


def test_every_line_names_the_hash_of_the_one_before(ledger):
    """By hand: one canonical JSON object a line, from 64 zeros on."""
    previous = "0" * 64
    for number, line in enumerate(lines_of(filled(ledger))):
        entry = json.loads(line)
        assert (entry["number"], entry["previous"], canonical_bytes(entry) + b"\n") == (number, previous, line)
        previous = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
    assert (ledger.head(), ledger.problems()) == (previous, [])


def test_an_entry_says_what_happened(tmp_path):
    """The start before the measuring, the end with what came out."""
    ledger = Ledger(tmp_path / "l", now=lambda: "2026-01-01T00:00:00+00:00")
    attempt = ledger.start("lenet", {"seed": 3})
    attempt.finish(SHA, "1.3 times\n as fast")
    start, end = ({**entry.content, "previous": 0} for entry in ledger.entries())
    common = {"attempt": attempt.name, "campaign": "lenet", "previous": 0, "time": "2026-01-01T00:00:00Z"}
    assert start == common | {"event": "started", "number": 0, "about": {"seed": 3}}
    result = {"submission_sha256": SHA, "headline": "1.3 times as fast"}
    assert end == common | {"event": "finished", "number": 1} | result


def test_attempts_are_counted_by_campaign(ledger):
    """What never ended counts as aborted."""
    filled(ledger)
    assert (ledger.tries("a"), ledger.tries("b"), ledger.tries("c")) == (Tries(3, 1), Tries(1, 1), Tries(0, 0))
    assert (ledger.tries("a").aborted, ledger.preceding("a")) == (2, 3)
    attempt = ledger.start("a")
    assert (attempt.preceding, attempt.aborted, attempt.head) == (3, 2, ledger.head())


def test_whatever_ends_an_attempt_without_a_result_aborts_it(ledger):
    """Ctrl-C, an error, or nothing at all."""
    with pytest.raises(KeyboardInterrupt), ledger.start("a"):
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), ledger.start("a"):
        raise ZeroDivisionError("1 / 0")
    with ledger.start("a"):
        pass
    reasons = [entry.content["reason"] for entry in ledger.entries() if entry.event == "aborted"]
    assert reasons == ["interrupted", "ZeroDivisionError: 1 / 0", "it ended without a result"]


def test_a_process_that_is_killed_leaves_an_attempt_that_counts_as_aborted(ledger):
    """Nobody was there to enter its end."""
    code = (
        "import os, sys; from tinytorch.capstone.provenance import Ledger\n"
        "with Ledger(sys.argv[1]).start('a'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=False)
    assert (ledger.problems(), ledger.tries("a")) == ([], Tries(1, 0))


def test_an_attempt_ends_once(ledger):
    """A second result would be another attempt."""
    attempt = ledger.start("a")
    attempt.finish(SHA, "done")
    for end in (lambda: attempt.finish(SHA, "again"), lambda: attempt.abort("after all")):
        with pytest.raises(StateError, match="has not ended"):
            end()
    assert ledger.tries("a") == Tries(1, 1)


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines", None, 3])
def test_a_campaign_has_a_name(ledger, name):
    """That fits on a line."""
    with pytest.raises(RangeError, match="the campaign must be a name"):
        ledger.start(name)
    assert not ledger.path.exists()


def test_a_long_story_is_cut(ledger):
    """An entry stays readable."""
    entry = ledger.start("a").abort("x" * 5000)
    assert len(entry.content["reason"]) == 1000


def test_a_ledger_that_is_not_there_is_empty(ledger):
    """And asking makes none."""
    assert (ledger.problems(), ledger.entries(), ledger.head()) == ([], [], "0" * 64)
    assert not ledger.path.parent.exists()


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Give a ledger to break, and its whole content; every example writes over what the one before left."""
    ledger = filled(Ledger(tmp_path_factory.mktemp("ledger") / "l"))
    return ledger, ledger.path.read_bytes()


@settings(deadline=None)
@given(st.data())
def test_no_byte_can_be_changed(known, data):
    """Not one, wherever it is."""
    ledger, whole = known
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    ledger.path.write_bytes(content)
    assert ledger.problems() != []


@settings(deadline=None)
@given(st.data())
def test_lines_can_neither_be_taken_out_nor_moved_nor_repeated(known, data):
    """Whatever other sequence of the same lines is written, it is found."""
    ledger, whole = known
    lines = whole.splitlines(keepends=True)
    other = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines) + 1).filter(lambda chosen: chosen != lines))
    ledger.path.write_bytes(b"".join(other))
    assert ledger.problems() != []


def test_each_kind_of_change_is_said(ledger):
    """With the line and the rule."""
    lines = lines_of(filled(ledger))
    cases = {
        "previous must be the hash of the line before": [lines[0], *lines[2:]],
        "number must be 1, as lines are counted from 0": [lines[0], *lines[2:]],
        "must be one with the entry": lines[:-1],
        "canonical JSON": [lines[0].replace(b'":', b'": ', 1), *lines[1:]],
        "stands twice": [b'{"a":1,"a":1}\n', *lines[1:]],
        "the last line must be whole; got 3 bytes": [*lines, b"{}x"],
        "event must be one of": [b"{}\n"],
        "started in 'a' before it is finished": [*lines, *lines[1:2]],
    }
    for wanted, changed in cases.items():
        ledger.path.write_bytes(b"".join(changed))
        assert wanted in said(ledger)


def test_a_rewritten_chain_is_whole_and_yet_not_the_one_that_was_known(ledger):
    """Whoever rewrites everything makes a new ledger: a head that others know shows it."""
    filled(ledger)
    known = ledger.head()
    ledger.path.unlink()
    assert "must be one with the entry" in said(ledger)
    ledger.head_path.unlink()
    ledger.start("a").finish(SHA, "the first try, honestly")
    assert known not in {entry.sha256 for entry in ledger.entries()}


def test_nothing_is_entered_into_a_ledger_that_is_not_whole(ledger):
    """It would hide what was done to it."""
    lines = lines_of(filled(ledger))
    ledger.path.write_bytes(b"".join(lines[1:]))
    with pytest.raises(DataError, match="previous must be the hash"):
        ledger.start("a")
    assert lines_of(ledger) == lines[1:]


@pytest.mark.parametrize("torn", [b'{"attempt":', b"{}", b"\x00" * 700, b"\xff"])
def test_a_torn_last_line_is_found_and_repaired_by_an_entry_that_says_so(ledger, torn):
    """Not silently: the bytes are kept in it."""
    filled(ledger)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + torn)
    with pytest.raises(DataError, match="the last line must be whole"):
        ledger.start("a")
    entry = ledger.repair()
    assert (entry.event, base64.b64decode(entry.content["torn_base64"])) == ("repaired", torn)
    assert (entry.content["torn_sha256"], entry.content["torn_size"]) == (sha256_of(torn), len(torn))
    assert (ledger.problems(), ledger.path.read_bytes().startswith(whole)) == ([], True)
    assert (ledger.repair(), ledger.start("a").preceding) == (None, 3)


def test_a_repair_does_not_hide_anything_else(ledger):
    """A changed line stays found."""
    lines = lines_of(filled(ledger))
    ledger.path.write_bytes(b"".join([*lines[1:], b"torn"]))
    with pytest.raises(DataError, match="previous must be the hash"):
        ledger.repair()


def test_an_entry_that_was_written_before_its_head_was_kept_is_no_problem(ledger):
    """The machine may go down between the two."""
    filled(ledger)
    head = ledger.head_path.read_bytes()
    ledger.start("a")
    ledger.head_path.write_bytes(head)
    assert ledger.problems() == []


def test_a_disk_that_is_full_leaves_no_half_entry(ledger, monkeypatch):
    """And the error names the file and a remedy."""
    filled(ledger)
    before = ledger.path.read_bytes()

    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match=r"the ledger must be writable; got No space.*--ledger FILE"):
        ledger.start("a")
    assert ledger.path.read_bytes() == before


@pytest.mark.parametrize("where", ["a_file/attempts.jsonl", "."])
def test_a_place_that_cannot_be_written_is_said_with_a_remedy(tmp_path, where):
    """As in a home that is read only."""
    (tmp_path / "a_file").write_text("")
    with pytest.raises(DataError, match=r"the ledger must be writable; .* --ledger FILE"):
        Ledger(tmp_path / where).start("a")


def test_a_failure_to_enter_an_end_does_not_hide_the_error_that_ended_it(ledger):
    """It is told beside it."""
    attempt = ledger.start("a")
    ledger.path.write_bytes(b"torn")
    with pytest.raises(ZeroDivisionError) as caught, attempt:
        raise ZeroDivisionError
    assert "The ledger could not be told" in caught.value.__notes__[0]


def test_threads_do_not_fork_the_chain(ledger):
    """Each opens the file for itself."""

    def attempt(number):
        with Ledger(ledger.path).start(f"campaign {number % 2}") as one:
            one.finish(SHA, str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(40)))
    assert (ledger.problems(), len(ledger.entries())) == ([], 80)
    assert ledger.tries("campaign 0") == Tries(20, 20)


def test_processes_do_not_fork_the_chain(ledger):
    """Two at once, ten attempts each."""
    code = (
        "import sys; from tinytorch.capstone.provenance import Ledger\n"
        "for number in range(10):\n    Ledger(sys.argv[1]).start('a').finish(None, str(number))"
    )
    command = [sys.executable, "-c", code, str(ledger.path)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (ledger.problems(), ledger.tries("a")) == ([], Tries(20, 20))


def test_a_lock_is_not_waited_for_without_end(ledger, clock):
    """Another process holds it: after its patience the answer is an error."""
    filled(ledger)
    waiting = Ledger(ledger.path, patience=Patience(2.0, clock, clock))
    with ledger.path.open("rb+") as file, locked(file, "here"), pytest.raises(StateError, match="free to write"):
        waiting.start("a")
    assert clock.now_ns() == 2_000_000_000
    assert ledger.problems() == []


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"XDG_STATE_HOME": "/state"}, "linux", "/state/tinytorch/attempts.jsonl"),
        ({"XDG_STATE_HOME": "state"}, "linux", "~/.local/state/tinytorch/attempts.jsonl"),
        ({}, "linux", "~/.local/state/tinytorch/attempts.jsonl"),
        ({}, "darwin", "~/Library/Application Support/tinytorch/attempts.jsonl"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/tinytorch/attempts.jsonl"),
        ({}, "win32", "~/AppData/Local/tinytorch/attempts.jsonl"),
    ],
)
def test_the_users_own_ledger_is_where_the_platform_keeps_state(environment, platform, expected):
    """Not in a cache: nobody can fetch it again."""
    assert default_ledger(environment, platform) == Path(expected).expanduser()


def submitted(ledger, **changes):
    """Make a submission in a campaign, and enter it; give it with what was changed afterwards."""
    attempt = ledger.start("a")
    document = {"attempts": attempts_section(attempt, [[0.1] * 3, [0.2] * 3]), "speedup": 1.2}
    attempt.finish(document_sha256(document), "1.2 times as fast")
    return document | {"attempts": document["attempts"] | changes.pop("attempts", {})} | changes


def test_a_ledger_bears_out_what_a_submission_says(ledger):
    """The third try, with one aborted before; its section says what choosing would have added."""
    ledger.start("a").finish(SHA, "")
    ledger.start("a").abort("")
    document = submitted(ledger)
    filled(ledger)
    assert contradictions(document, ledger.entries()) == []
    assert (document["attempts"]["preceding"], document["attempts"]["aborted"]) == (2, 1)
    assert document["attempts"]["best_of_inflation"] == pytest.approx(1.5 / 3.141592653589793**0.5 * 0.05)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"attempts": {"preceding": 0}}, "preceding must be 3, as in the ledger"),
        ({"attempts": {"aborted": 0}}, "aborted must be 2, as in the ledger"),
        ({"attempts": {"campaign": "b"}}, "campaign must be 'a', as in the ledger"),
        ({"attempts": {"ledger_head": SHA}}, "an attempt's start in the ledger"),
        ({"speedup": 1.3}, "the one that the ledger has for this attempt"),
    ],
)
def test_a_ledger_contradicts_what_was_changed(ledger, changes, wanted):
    """Each for its reason."""
    filled(ledger)
    document = submitted(ledger, **changes)
    assert wanted in "\n".join(contradictions(document, ledger.entries()))


def test_a_head_that_is_no_start_is_contradicted(ledger):
    """It is of an attempt's end."""
    document = submitted(ledger)
    changed = document | {"attempts": document["attempts"] | {"ledger_head": ledger.head()}}
    assert "an attempt's start" in contradictions(changed, ledger.entries())[0]
