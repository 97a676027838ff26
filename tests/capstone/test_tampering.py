"""Numbers that were changed after they were measured, and values that nobody would expect."""

import math
import re
from decimal import Decimal

import pytest

from tinytorch.capstone.validation import problems

BASE = "$.baseline.metrics."

MEASURED_ONLY = {
    "parameter_count",
    "warmup_count",
    "first_call_ms",
    "clock_cost_ns",
    "blas_threads",
    "peak_memory_bytes",
}


def tampered(value):
    """Change a number as little as somebody might hope nobody notices: by a hundred-thousandth."""
    return value + 1 if isinstance(value, int) else value * (1 + 1e-5)


def test_every_number_that_follows_from_others_is_found_when_tampered_with(generated, changed):
    """Only what was measured once, and kept nowhere else, can be changed unseen."""
    unseen = set()
    for part in ("baseline", "optimized"):
        for name, value in generated[part]["metrics"].items():
            changed_value = [tampered(item) for item in value] if isinstance(value, list) else value
            changed_value = tampered(value) if isinstance(value, int | float) else changed_value
            if not problems(changed(generated, f"$.{part}.metrics.{name}", changed_value)):
                unseen.add(name)
    assert unseen - {"timing_protocol"} == MEASURED_ONLY


def test_every_derived_number_is_blamed_itself(generated, changed, said_at):
    """Where the raw samples are right, the path leads to the number that is wrong."""
    sources = {"model_size_bytes", "correct_count", "test_count", "batch_size", *MEASURED_ONLY}
    for name, value in generated["baseline"]["metrics"].items():
        if isinstance(value, int | float) and name not in sources:
            path = BASE + name
            assert said_at(path, changed(generated, path, tampered(value))) != "", name


@pytest.mark.parametrize("name", ["speedup", "compression_ratio", "accuracy_delta"])
def test_every_tampered_improvement_is_found(generated, name, changed, said_at):
    """The headline is what one would change first."""
    place = f"$.improvements.{name}"
    value = generated["improvements"][name] or 0.1
    assert "which follows" in said_at(place, changed(generated, place, tampered(value)))


WEIRD = [None, [], {}, "", "x", -1, 0, 1e308, 5e-324, 10**308, 10**400, math.nan, True, [[]], {"": 0}, Decimal(1), b"x"]


@pytest.mark.parametrize("weird", WEIRD, ids=repr)
def test_no_value_anywhere_makes_the_check_fail(generated, weird, changed):
    """Whatever stands wherever, the answer is a list of problems."""
    generated["baseline"]["metrics"] |= {f"latency_ms_p{percent}_at_least": None for percent in (50, 90, 99)}
    for path in paths_of(generated):
        for problem in problems(changed(generated, path, weird)):
            assert re.match(r"\$", problem.path)
            assert "\n" not in str(problem)


def paths_of(value, path="$"):
    """List the paths of all fields outside of the machine's record."""
    for name, inner in value.items():
        yield f"{path}.{name}"
        if isinstance(inner, dict) and name != "system_info":
            yield from paths_of(inner, f"{path}.{name}")
