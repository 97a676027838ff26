"""Numbers that were changed after they were measured, and values that nobody would expect."""

import math
import re
from decimal import Decimal

import pytest

from tinytorch.capstone.validation import problems
from tinytorch.capstone.verdicts import derived_comparison

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


COMPARISON_DECLARED = {"preset", "seed", "calls_per_epoch"}


def test_every_number_of_a_comparison_is_found_when_tampered_with(compared, changed, said_at):
    """Each in turn, by itself: what follows from the raw log ratios is computed again."""
    for name, value in compared["comparison"].items():
        if type(value) in {int, float} and name not in COMPARISON_DECLARED | {"margin"}:
            place = f"$.comparison.{name}"
            assert "which follows from log_ratios and margin" in said_at(
                place, changed(compared, place, tampered(value) if name != "confidence" else 0.94)
            )


@pytest.mark.parametrize("outcome", ["slower", "equivalent", "undecided"])
def test_a_tampered_verdict_is_found(compared, changed, said_at, outcome):
    """The word is held to the numbers."""
    place = "$.comparison.outcome"
    assert "'faster', which follows" in said_at(place, changed(compared, place, outcome))


def test_a_tampered_log_ratio_is_found(compared, changed):
    """Where it moves the median of its session, the speed-up no longer follows; so with a round taken away."""
    sessions = compared["comparison"]["log_ratios"]
    better = [[value + 1e-4 for value in session] for session in sessions]
    for wrong in (better, sessions[:-1], [session[:-1] for session in sessions]):
        assert problems(changed(compared, "$.comparison.log_ratios", wrong)) != []


def test_a_tampered_margin_is_found_where_it_decides(compared, changed, said_at):
    """Equivalent within 2 % is not equivalent within 0.01 %."""
    compared["comparison"] |= {"log_ratios": [[0.001, -0.001, 0.002, -0.002]] * 6}
    compared["comparison"] |= derived_comparison(compared["comparison"])
    assert (compared["comparison"]["outcome"], problems(compared)) == ("equivalent", [])
    assert said_at("$.comparison.outcome", changed(compared, "$.comparison.margin", 0.0001)) != ""


@pytest.mark.parametrize("name", ["ratio", "low", "high"])
def test_a_null_run_is_judged_again_from_its_own_rounds(compared, changed, said_at, name):
    """Its ratio and interval follow from what two copies of the baseline gave."""
    place = f"$.comparison.certificate.{name}"
    assert "which follows from its log_ratios" in said_at(place, changed(compared, place, 1.01))
    better = [[value + 0.01 for value in session] for session in compared["comparison"]["certificate"]["log_ratios"]]
    assert said_at(place, changed(compared, "$.comparison.certificate.log_ratios", better)) != ""


def test_a_certificate_without_its_rounds_is_still_one(compared, changed):
    """They came later than it did."""
    assert problems(changed(compared, "$.comparison.certificate.log_ratios", ...)) == []


def test_a_change_within_the_certificate_must_say_so(compared, changed, said_at):
    """Twice as fast, where two copies of the baseline lie up to three times apart, is marked; and not otherwise."""
    place = "$.comparison.within_certificate"
    assert "False, which follows from log_ratios and certificate" in said_at(
        place, changed(compared, place, value=True)
    )
    assert said_at(place, changed(compared, place, None)) != ""
    wide = changed(compared, "$.comparison.certificate", {"ratio": 1.0, "low": 1 / 3, "high": 3.0, "half_width": 2.0})
    assert "True, which follows" in said_at(place, wide)
    assert problems(changed(wide, place, value=True)) == []


@pytest.mark.parametrize(("name", "value"), [("half_width", 0.001), ("low", 0.5), ("high", 1.5), ("low", None)])
def test_a_tampered_certificate_is_found(compared, changed, said_at, name, value):
    """Its half width follows from the null run's interval."""
    wrong = changed(compared, f"$.comparison.certificate.{name}", value)
    assert "which follows from low and high" in said_at("$.comparison.certificate.half_width", wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_ratios", []),
        ("log_ratios", [[]]),
        ("log_ratios", [[0.1], [math.nan]]),
        ("log_ratios", [[0.1], ["0.1"]]),
        ("log_ratios", [[21.0]]),
        ("outcome", "better"),
        ("speedup", 0),
        ("margin", 2),
        ("low", -1),
        ("sessions", True),
        ("log_ratios", ...),
        ("certificate", 1),
    ],
)
def test_a_comparison_of_another_form_is_refused(compared, changed, name, value):
    """With the path to what is wrong."""
    found = problems(changed(compared, f"$.comparison.{name}", value))
    assert any(problem.path.startswith(f"$.comparison.{name}") for problem in found)


def test_a_comparison_needs_the_model_it_is_of(compared, changed, said_at):
    """Without an optimized model there was nothing to compare."""
    alone = changed(changed(compared, "$.optimized", ...), "$.improvements", ...)
    assert said_at("$.optimized", alone) != ""


@pytest.mark.parametrize("extreme", [[[20.0], [-20.0]], [[20.0, -20.0] * 9] * 2, [[0.0]], [[1e-300] * 7] * 3])
def test_no_log_ratio_in_range_overflows(compared, changed, extreme):
    """The answer is a list of problems, whatever stands there."""
    assert problems(changed(compared, "$.comparison.log_ratios", extreme)) != []


WEIRD = [None, [], {}, "", "x", -1, 0, 1e308, 5e-324, 10**308, 10**400, math.nan, True, [[]], {"": 0}, Decimal(1), b"x"]


@pytest.mark.parametrize("weird", WEIRD, ids=repr)
def test_no_value_anywhere_makes_the_check_fail(compared, weird, changed):
    """Whatever stands wherever, the answer is a list of problems."""
    generated = compared
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
