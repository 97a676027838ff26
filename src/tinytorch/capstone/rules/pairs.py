"""Two models beside each other: what was gained, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinytorch.capstone.documents import Problem, Steps
from tinytorch.capstone.rules.closeness import EXACT, LAST_BITS, ROUNDED, half_unit, is_near, is_same, rounding, written
from tinytorch.capstone.rules.parts import inside, models

__all__ = [
    "check_accuracy_comparison",
    "check_accuracy_counts",
    "check_certificate",
    "check_comparison",
    "check_improvements",
    "check_margin",
]

Object = dict[str, Any]

IMPROVED = {"speedup": "latency_mean_seconds", "compression_ratio": "stored_bytes", "accuracy_delta": "accuracy"}
ROUNDED_DELTA = 0.0005  # half a tenth of a point
COUNTS = ("both_right", "only_baseline", "only_optimized", "both_wrong")
MADE_OF = {"baseline": ("both_right", "only_baseline"), "optimized": ("both_right", "only_optimized")}
AGAIN = "Let `tinytorch run` compute it."


def check_improvements(submission: Object) -> Iterator[Problem]:
    """Speed-up, compression and accuracy gained follow from both models' metrics, but for rounding by hand."""
    claimed = inside(submission, "improvements")
    if not claimed:
        return
    from tinytorch.capstone.record.derived import derived_improvements

    for name, expected in derived_improvements(submission).items():
        if name in claimed and not _is_explained(name, claimed[name], expected, submission):
            rule = f"{written(expected)}, which follows from {IMPROVED[name]} of both models"
            yield Problem(("improvements", name), rule, claimed[name], AGAIN)


def check_comparison(submission: Object) -> Iterator[Problem]:
    """Verdict, speed-up, interval and counts of a comparison follow from its log ratios and its margin."""
    comparison = inside(submission, "comparison")
    if comparison:
        from tinytorch.capstone.verdicts import derived_comparison

        expected = derived_comparison(comparison)
        yield from _differences(("comparison",), comparison, expected, "log_ratios, margin and certificate")


def check_certificate(submission: Object) -> Iterator[Problem]:
    """Ratio, interval and half width of the null run follow from its own log ratios, or from what was kept of it."""
    null = inside(inside(submission, "comparison"), "certificate")
    if null:
        from tinytorch.capstone.verdicts import derived_certificate

        source = "its log_ratios" if "log_ratios" in null else "low and high"
        yield from _differences(("comparison", "certificate"), null, derived_certificate(null), source)


def check_accuracy_comparison(submission: Object) -> Iterator[Problem]:
    """The comparison of answers follows from labels and predictions; without them, from its own four counts."""
    claimed = inside(submission, "accuracy_comparison")
    if not claimed:
        return
    from tinytorch.capstone.record.derived import derived_accuracy_comparison, judged_answers

    expected, source = derived_accuracy_comparison(submission), "labels and predictions"
    if not expected and claimed.keys() >= {*COUNTS, "margin"}:
        counts, margin, source = tuple(claimed[name] for name in COUNTS), claimed["margin"], "its counts and margin"
        expected = judged_answers(counts, margin) if any(counts) and 0 < margin < 1 else {}
    yield from _differences(("accuracy_comparison",), claimed, expected, source)


def check_accuracy_counts(submission: Object) -> Iterator[Problem]:
    """The counts of answers add up to what each model got right, and to how many were asked."""
    claimed, steps = inside(submission, "accuracy_comparison"), ("accuracy_comparison",)
    if not claimed.keys() >= set(COUNTS):
        return
    for part, model in models(submission):
        samples = inside(model, "samples")
        for sources, name in ((MADE_OF[part], "correct_count"), (COUNTS, "test_count")):
            total = sum(claimed[source] for source in sources)
            if samples.get(name, total) != total:
                rule = f"such that {' + '.join(sources)} is {samples[name]}, {part}.samples.{name}"
                yield Problem((*steps, sources[-1]), rule, claimed[sources[-1]], "Count again.")


def check_margin(submission: Object) -> Iterator[Problem]:
    """The loss of accuracy that is allowed is the one that the protocol named."""
    named = inside(submission, "protocol").get("accuracy_margin")
    given = inside(submission, "accuracy_comparison").get("margin", named)
    if named is not None and given != named:
        rule = f"{named!r}, the accuracy_margin of the protocol"
        yield Problem(("accuracy_comparison", "margin"), rule, given, "Judge by the margin that was named before.")


def _differences(steps: Steps, given: Object, expected: Object, source: str) -> Iterator[Problem]:
    for name, value in expected.items():
        if name in given and not is_same(given[name], value):
            yield Problem((*steps, name), f"{written(value)}, which follows from {source}", given[name], AGAIN)


def _is_explained(name: str, given: float, expected: float, submission: Object) -> bool:
    last_digits = LAST_BITS if name == "accuracy_delta" else EXACT * abs(expected)
    return is_near(given, expected, last_digits) or is_near(given, expected, _slack(name, submission))


def _slack(name: str, submission: Object) -> float:
    """Say how far, absolutely, rounding may have moved an improvement of declared numbers; of others not at all."""
    parts = dict(models(submission))
    if all("latency_nanoseconds" in inside(model, "samples") for model in parts.values()):
        return 0.0
    claimed = submission["improvements"][name]
    if name == "accuracy_delta":
        return min(half_unit(claimed), ROUNDED_DELTA) + LAST_BITS
    if name == "compression_ratio":  # bytes are whole
        return float(min(half_unit(claimed), ROUNDED * claimed))
    means = [parts[part]["metrics"][IMPROVED[name]]["value"] for part in ("baseline", "optimized")]
    return float(claimed * rounding(claimed, *means))
