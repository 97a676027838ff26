"""Files from strangers: whatever the bytes, problems or one clean error, in bounded time and memory."""

import gzip
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.capstone import load_submission
from tinytorch.capstone.documents import MOST_ELEMENTS, MOST_PROBLEMS, is_plain, plain, shortened
from tinytorch.capstone.intake import MOST_DIGITS, MOST_MARKS, json_document, read_bounded
from tinytorch.capstone.validation import problems
from tinytorch.errors import DataError

HALF_A_GIBIBYTE = 512 * 2**20
ODD_BYTES = list(b'"{}[],:0123456789eE.-+\\u ntf\x00\xff')
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(content):
    """Tell why content is refused before anything in it is judged."""
    with pytest.raises(DataError) as caught:
        json_document(content, "odd.json")
    assert "odd.json" in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


def outcome(content):
    """Read and judge content: its problems, or the one error that is allowed."""
    try:
        return problems(json_document(content, "odd.json"))
    except DataError as error:
        return [error]


def test_a_file_larger_than_allowed_is_refused_with_both_sizes(tmp_path):
    """Before it is read whole."""
    path = tmp_path / "large.json"
    path.write_bytes(b" " * 11)
    assert read_bounded(path, 11) == b" " * 11
    with pytest.raises(DataError, match="at most 10 bytes; got 11 bytes"):
        read_bounded(path, 10)


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path):
    """What the file system says of its size costs nothing to claim."""
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        try:
            file.truncate(2**40)
        except OSError:
            pytest.skip("this file system has no sparse files")
    with pytest.raises(DataError, match="got 1,099,511,627,776 bytes"):
        load_submission(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="a regular file"):
        load_submission(tmp_path / "pipe.json")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no such device")  # noqa: PTH110
def test_a_device_without_an_end_is_refused_at_once():
    """It has as many zeros as one cares to read."""
    with pytest.raises(DataError, match="a regular file"):
        load_submission("/dev/zero")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have_is_refused(name):
    """With our error, as any file that cannot be read."""
    with pytest.raises(DataError, match="must be readable"):
        load_submission(name)


def zipped(folder):
    with zipfile.ZipFile(folder / "s.zip", "w") as archive:
        archive.writestr("submission.json", "{}")
    return (folder / "s.zip").read_bytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: gzip.compress(b"{}"), "a gzip file"),
        (zipped, "a zip archive"),
        (lambda _: pickle.dumps({"a": 1}), "a pickle, which is never loaded"),
        (lambda _: b"%PDF-1.7", "a PDF document"),
    ],
)
def test_another_format_given_by_mistake_is_called_by_its_name(tmp_path, make, words):
    """`not UTF-8` would help nobody."""
    content = make(tmp_path)
    (tmp_path / "odd.json").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_submission(tmp_path / "odd.json")


def test_a_number_of_a_million_digits_is_refused_without_reading_it():
    """Reading n digits as a whole number takes n squared steps, even where Python's own limit is off."""
    code = "from tinytorch.capstone.intake import json_document as read; read(b'{\"a\": ' + b'9' * 10**7 + b'}', 'odd')"
    command = [sys.executable, "-X", "int_max_str_digits=0", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "a whole number of 10,000,000 digits" in done.stderr


@pytest.mark.parametrize("digits", [1, MOST_DIGITS])
def test_a_long_number_is_read_and_then_judged(by_hand, digits):
    """Up to the limit it is a matter for the validator."""
    content = json.dumps(by_hand).replace('"parameter_count": 9610', f'"parameter_count": 1{"0" * (digits - 1)}')
    found = [problem for problem in outcome(content.encode()) if problem.path == "$.baseline.metrics.parameter_count"]
    assert len(found) == (digits > 18)


@pytest.mark.parametrize("text", ["1e999", "-1e999", f"1{'0' * 399}.0", f"1e{'9' * 100_000}"])
def test_a_number_beyond_the_largest_float_is_named_with_its_place(by_hand, text):
    """JSON has no infinity, however it is written."""
    content = json.dumps(by_hand).replace('"latency_ms_mean": 4.0', f'"latency_ms_mean": {text}').encode()
    assert "a finite number" in next(str(one) for one in outcome(content) if one.path.endswith("latency_ms_mean"))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_only_python_calls_a_number_is_refused(name):
    """The file is then no JSON."""
    assert f"{name} is no number that JSON knows" in refusal(f'{{"a": {name}}}'.encode())


@pytest.mark.parametrize("mark", MOST_MARKS)
def test_more_values_than_memory_is_meant_for_are_refused_before_parsing(mark):
    """A list takes twenty times the room of its two brackets."""
    most = MOST_MARKS[mark]
    assert f"at most {most:,} times {mark!r}; got {most + 1:,}" in refusal(mark.encode() * (most + 1))


def test_a_key_that_stands_twice_among_very_many_is_found_at_once():
    """Looking each key up among all others would take hours."""
    keys = ",".join(f'"k{index}":0' for index in range(150_000))
    assert "'k149999' stands twice" in refusal(f'{{{keys},"k149999":1}}'.encode())


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_deep_nesting_is_refused_at_every_depth(by_hand, bracket):
    """By the validator as long as it can be read, by the reader beyond."""
    closing = {"[": "]"}.get(bracket, "}")
    for depth in (70, 500, 900, 5_000, 40_000):
        content = json.dumps(by_hand)[:-1] + f', "deep": {bracket * depth}1{closing * depth}}}'
        assert "nested" in str(outcome(content.encode())[0])


def test_a_lone_surrogate_is_a_problem_wherever_it_stands(by_hand):
    """As a value and as a key: no file could be written with it."""
    for extra in ('"note": "\\ud800"', '"\\udfff": 1'):
        found = outcome((json.dumps(by_hand)[:-1] + f", {extra}}}").encode())
        assert ["valid Unicode" in str(one) or "keys are text" in str(one) for one in found] == [True]


def test_of_very_many_problems_the_first_thousand_are_listed(by_hand):
    """Nobody reads a million, and each takes room; the last line says that there are more."""
    by_hand["baseline"]["metrics"]["latency_samples_ns"] = ["x"] * 5000
    found = problems(by_hand)
    assert (len(found), found[-1].rule) == (MOST_PROBLEMS + 1, "of at most 1,000 problems")
    found = problems(by_hand | {"x": [float("inf")] * 5000})
    assert (len(found), found[-1].rule) == (MOST_PROBLEMS + 1, "of at most 1,000 problems")


def test_an_unsound_element_far_down_a_list_is_found(by_hand):
    """Lists are cut before errors are listed; what lies beyond is found all the same, and no rule meets it."""
    by_hand["baseline"]["metrics"]["latency_samples_ns"] = [1] * (MOST_ELEMENTS + 1) + ["x"]
    (problem,) = problems(by_hand)
    assert problem.path == f"$.baseline.metrics.latency_samples_ns[{MOST_ELEMENTS + 1}]"


def test_a_list_that_was_cut_is_not_judged_by_its_beginning(by_hand):
    """Fewer samples than there are would give another mean."""
    by_hand["baseline"]["metrics"]["latency_samples_ns"] = [1] * (MOST_ELEMENTS + 1)
    by_hand["timestamp"] = 3
    assert [problem.path for problem in problems(by_hand)] == ["$.timestamp"]


def test_a_shortened_document_keeps_something_of_each_list():
    """An empty list may be wrong where a long one is not."""
    assert shortened({"a": [[1, 2], [3]], "b": [4]}, 2) == ({"a": [[1], [3]], "b": [4]}, {("a", 0)})
    assert shortened([1, "x"]) == ([1, "x"], set())


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@FUZZ
@given(ODD)
def test_the_fast_look_and_the_thorough_one_agree(value):
    """What needs no change and has no problem is plain, and nothing else is."""
    copied, found = plain(value)
    assert is_plain(value) == (not found and copied == value)


@pytest.mark.parametrize("value", [(1,), {1: 2}, {"a": {1}}, [b"x"], 10**400, float("nan"), "\ud800", {"\ud800": 1}])
def test_what_json_cannot_hold_is_not_plain(value):
    """Each kind, where the random ones may not come upon it."""
    assert not is_plain(value)


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_are_refused_cleanly(content):
    """Whatever they are."""
    assert all(str(one) for one in outcome(content))


@FUZZ
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_a_good_file_with_random_bytes_changed_is_judged_or_refused(generated, seed, count):
    """Never another error than ours, and no text that could write into a terminal."""
    chance, content = np.random.default_rng(seed), bytearray(json.dumps(generated).encode())
    for _ in range(count):
        content[chance.integers(len(content))] = chance.choice(ODD_BYTES)
    assert all(str(one).isprintable() for one in outcome(bytes(content)))


MEMBERS = ",".join(f'"k{index}":0' for index in range(50_000))
TEXTS, OBJECTS = '"x",' * 200_000, '{"a":0},' * 49_000
HOSTILE = {
    "texts for samples": f'{{"baseline": {{"metrics": {{"latency_samples_ns": [{TEXTS}1]}}}}}}',
    "infinities": f'{{"x": [{"1e999," * 60_000}1]}}',
    "objects": f'{{"x": [{OBJECTS}1]}}',
    "members": f'{{"x": {{{MEMBERS}}}}}',
    "lists": f'{{"x": [{"[]," * 199_000}1]}}',
}
READ_WITHIN = """
import resource, sys
from tinytorch.capstone.submission import load_submission
from tinytorch.capstone.validation import problems
problems({})
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[2]),) * 2)
print(len(problems(load_submission(sys.argv[1]))))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the limit is Linux's")  # noqa: PTH110
@pytest.mark.parametrize("name", HOSTILE)
def test_the_costliest_files_that_are_read_take_bounded_memory(tmp_path, name):
    """Half a gibibyte beside the interpreter, for the largest number of each kind of value."""
    (tmp_path / "s.json").write_text(HOSTILE[name])
    command = [sys.executable, "-c", READ_WITHIN, str(tmp_path / "s.json"), str(HALF_A_GIBIBYTE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= 5
