"""Files of version 2 that were made to do harm: bombs in samples, numbers without end, any change of any byte."""

import base64
import json
import os
import subprocess
import sys
import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.capstone.intake import json_document
from tinytorch.capstone.record import pack_integers, pack_labels
from tinytorch.capstone.rules.samples import MOST_UNPACKED
from tinytorch.capstone.validation import problems
from tinytorch.errors import DataError

FUZZ = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MEBIBYTE = 2**20
ROOM = 512 * MEBIBYTE
LISTS = [
    ("dataset", "labels"),
    *((part, "samples", name) for part in ("baseline", "optimized") for name in ("predictions", "latency_nanoseconds")),
]
READ_WITHIN = """
import resource, sys
from tinytorch.capstone.submission import load_submission
from tinytorch.capstone.validation import problems
import tinytorch.capstone.record.derived
problems({}), problems({"schema_version": "2.0.0"})
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[2]),) * 2)
print("\\n".join(problem.path for problem in problems(load_submission(sys.argv[1]))))
"""


@cache
def zeros(size):
    """Give a text of some kilobytes that unpacks to many megabytes."""
    return base64.b64encode(zlib.compress(bytes(size))).decode()


def bomb(count, size=64 * MEBIBYTE, encoding="delta-varint+zlib+base64"):
    """Pack far more than the count says."""
    return {"encoding": encoding, "count": count, "data": zeros(size)}


def put(document, way, value):
    """Place a value in a document."""
    *owners, last = way
    owner = document
    for step in owners:
        owner = owner[step]
    owner[last] = value
    return document


def outcome(content):
    """Read and judge content: its problems, or the one error that is allowed."""
    try:
        return problems(json_document(content, "odd.json"))
    except DataError as error:
        return [error]


@pytest.mark.parametrize("encoding", ["delta-varint+zlib+base64", "bits+zlib+base64"])
@pytest.mark.parametrize("way", LISTS, ids=".".join)
@pytest.mark.parametrize("count", [1, MOST_UNPACKED])
def test_a_bomb_in_samples_is_a_problem_where_it_stands(whole, way, encoding, count):
    """It holds more than it says, and no more than that is unpacked."""
    packed = bomb(count, encoding=encoding)
    assert len(packed["data"]) < MEBIBYTE / 2
    assert "$." + ".".join(way) in {problem.path for problem in problems(put(whole, way, packed))}


@pytest.mark.parametrize("way", LISTS, ids=".".join)
def test_more_than_is_unpacked_is_refused_by_its_count_alone(whole, way):
    """Ten million is what the format allows; the validator takes a million of them."""
    packed = bomb(10_000_000, size=10)
    assert f"$.{'.'.join(way)}.count" in {problem.path for problem in problems(put(whole, way, packed))}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the limit is Linux's")  # noqa: PTH110
def test_the_largest_samples_that_are_judged_take_bounded_memory(whole, tmp_path):
    """A million in each list, which a text of kilobytes can hold, in half a gibibyte."""
    times, labels = pack_integers(np.full(MOST_UNPACKED, 1000)), pack_labels(np.zeros(MOST_UNPACKED, np.int64))
    whole["dataset"] |= {"labels": labels, "sample_count": MOST_UNPACKED}
    for part in ("baseline", "optimized"):
        sizes = {"correct_count": MOST_UNPACKED, "test_count": MOST_UNPACKED, "predictions": labels}
        whole[part]["samples"] = sizes | {"latency_nanoseconds": times, "batch_nanoseconds": times}
    (tmp_path / "s.json").write_text(json.dumps(whole))
    assert (tmp_path / "s.json").stat().st_size < MEBIBYTE / 4
    command = [sys.executable, "-c", READ_WITHIN, str(tmp_path / "s.json"), str(ROOM)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "$.baseline.metrics.latency_mean_seconds.value" in done.stdout


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1" + "0" * 380, "9" * 100_000, "-1"])
@pytest.mark.parametrize("name", ["stored_bytes", "latency_std_seconds", "peak_memory_bytes"])
def test_a_number_without_end_is_judged_or_refused(whole, name, text):
    """As what it is, or as no number at all."""
    mark = 7_777_777
    whole["baseline"]["metrics"][name] = mark
    assert outcome(json.dumps(whole).replace(str(mark), text).encode()) != []


@FUZZ
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_a_good_file_with_random_bytes_changed_is_judged_or_refused(whole_text, seed, count):
    """Never another error than ours, and no text that could write into a terminal."""
    chance, content = np.random.default_rng(seed), bytearray(whole_text.encode())
    for _ in range(count):
        content[chance.integers(len(content))] = chance.choice(list(b'"{}[],:0123456789eE.-+\\u ntf\x00\xff'))
    assert all(str(one).isprintable() for one in outcome(bytes(content)))


@FUZZ
@given(start=st.integers(0, 2**20), size=st.integers(0, 200), copies=st.integers(0, 3))
def test_a_good_file_with_a_piece_taken_out_or_doubled_is_judged_or_refused(whole_text, start, size, copies):
    """As a careless hand or a broken transfer would leave it: keys twice, brackets without an end."""
    content = whole_text.encode()
    start %= len(content)
    piece = content[start : start + size]
    assert all(str(one).isprintable() for one in outcome(content[:start] + piece * copies + content[start + size :]))


@FUZZ
@given(data=st.binary(max_size=60), count=st.integers(0, 100), way=st.sampled_from(LISTS), zipped=st.booleans())
def test_any_bytes_for_samples_are_judged(whole, data, count, way, zipped):
    """Compressed ones too."""
    text = base64.b64encode(zlib.compress(data) if zipped else data).decode()
    for encoding in ("delta-varint+zlib+base64", "bits+zlib+base64"):
        found = problems(put(whole, way, {"encoding": encoding, "count": count, "data": text}))
        assert all("\n" not in str(problem) for problem in found)


@pytest.mark.parametrize("extra", ['"\\ud800": 1', '"x": "\\udfff"', f'"x": {"[" * 80}{"]" * 80}', '"x": 1e400'])
def test_unknown_members_are_held_to_json_too(whole_text, extra):
    """Nobody else could read what is none."""
    assert len(outcome(f"{whole_text[:-1]}, {extra}}}".encode())) == 1
