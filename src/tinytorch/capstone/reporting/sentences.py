"""What a submission says, in sentences: the verdict first, then what it rests on and what the instrument is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.texts import (
    bytes_text,
    percent_text,
    plain_ratio,
    points_text,
    seconds_text,
    share_text,
    value_of,
)

__all__ = [
    "accuracy_sentence",
    "basis_sentence",
    "certificate_sentences",
    "headline",
    "interval_words",
    "margin_words",
    "spoken",
]

WIDE = 0.05
OUTCOMES = {
    "faster": "{optimized} is {times} times as fast as {baseline}",
    "slower": "{optimized} is slower than {baseline}: {times} times as fast",
    "equivalent": "{optimized} is as fast as {baseline}, within {margin}",
    "undecided": "{optimized} and {baseline} cannot be told apart in speed yet",
}
UNJUDGED = "{optimized} seems {times} times as fast as {baseline}, by two means of one process"
ALONE = "{baseline} answers a sample in {latency}"
TRIED = "Before it judged the two models, the same instrument compared the baseline with a copy of itself."


def headline(reading: Reading, named: Callable[[str], str] = str) -> str:
    """Say in one sentence what was found: speed, then size, then accuracy.

    Args:
        reading: The submission.
        named: Writes the name of a model, in the language that the sentence is put into.
    """
    optimized = reading.optimized
    if optimized is None:
        latency, size = reading.baseline.value("latency_mean_seconds"), reading.baseline.value("stored_bytes")
        right = percent_text(reading.baseline.value("accuracy"))
        said = ALONE.format(baseline=named(reading.baseline.name), latency=seconds_text(latency))
        return f"{said}, takes {bytes_text(size)} and is right in {right} of cases."
    return f"{_speed(reading, named)}{_doubt(reading)}, {_size(reading)}, and {_accuracy(reading)}."


def _speed(reading: Reading, named: Callable[[str], str]) -> str:
    names = {model.part: named(model.name) for model in reading.models}
    verdict = reading.verdict
    if verdict is None:
        return UNJUDGED.format(times=plain_ratio(reading.document["improvements"]["speedup"]), **names)
    margin = share_text(verdict.margin)
    return OUTCOMES[str(verdict.outcome)].format(times=plain_ratio(verdict.ratio.value), margin=margin, **names)


def _doubt(reading: Reading) -> str:
    verdict = reading.verdict
    if verdict is None or not verdict.is_within_null:
        return ""
    return " (though two copies of one model may differ as much here)"


def _size(reading: Reading) -> str:
    ratio = reading.document["improvements"]["compression_ratio"]
    if ratio == 1:
        return "as large"
    return f"{plain_ratio(ratio)} times smaller" if ratio > 1 else f"{plain_ratio(1 / ratio)} times larger"


def _accuracy(reading: Reading) -> str:
    delta = reading.document["improvements"]["accuracy_delta"]
    found = reading.part("accuracy_comparison")
    if delta == 0:
        said = "as accurate on the same data"
    else:
        said = f"{points_text(abs(delta)).lstrip('+±')} points {'more' if delta > 0 else 'less'} accurate"
    if not found:
        return said
    ruled_out = "ruled out" if found["is_non_inferior"] else "not ruled out"
    return f"{said}; a loss of more than {margin_words(found['margin'])} is {ruled_out}"


def margin_words(margin: float) -> str:
    """Write an allowed loss of accuracy in words.

    Example:
        >>> margin_words(0.01), margin_words(0.005)
        ('1 point', '0.5 points')
    """
    number = f"{100 * margin:g}"
    return f"{number} {'point' if number == '1' else 'points'}"


def interval_words(low: float | None, high: float | None, confidence: float = 0.95) -> str:
    """Write an interval of ratios in words.

    Example:
        >>> interval_words(4.4525, 10.392), interval_words(None, None)
        ('95 % interval 4.45 to 10.4', 'no interval: nothing bounds it')
    """
    if low is None and high is None:
        return "no interval: nothing bounds it"
    first, last = "0" if low is None else plain_ratio(low), "no end" if high is None else plain_ratio(high)
    return f"{share_text(confidence)} interval {first} to {last}"


def basis_sentence(reading: Reading) -> str:
    """Say what the verdict on speed rests on."""
    comparison, verdict = reading.comparison, reading.verdict
    if comparison is None or verdict is None:
        return _unjudged_basis(reading)
    ratio = verdict.ratio
    found = [
        f"The speed-up is {plain_ratio(ratio.value)}, {interval_words(ratio.low, ratio.high, ratio.confidence)},",
        f"from {ratio.rounds} rounds in {ratio.sessions} pairs of fresh processes that took turns.",
    ]
    if verdict.minimum_detectable_effect is not None:
        seen = share_text(float(f"{verdict.minimum_detectable_effect:.2g}"))
        found.append(f"A change of {seen} would have been seen in four of five such comparisons.")
    if verdict.sessions_to_decide:
        found.append(f"About {verdict.sessions_to_decide} more sessions would decide.")
    return " ".join(found)


def _unjudged_basis(reading: Reading) -> str:
    if reading.optimized is None:
        return "One model was measured alone: there is nothing that it was compared with."
    return "No comparison in fresh processes was made: the speed-up has no interval, and no verdict."


def certificate_sentences(reading: Reading) -> list[str]:
    """Say in plain words what the instrument told of two copies of the same model."""
    certificate = (reading.comparison or {}).get("certificate")
    if not certificate:
        return ["The instrument was not tried on two copies of one model: what it can tell apart here is not known."]
    ratio, low, high = (certificate[name] for name in ("ratio", "low", "high"))
    width = certificate["half_width"]
    found = [
        f"{TRIED} Where exactly 1 is true it found {ratio:.3f}, {_ends(low, high)}.",
        f"So a difference below {share_text(float(f'{width:.2g}'))} cannot be told from nothing here."
        if width < 1
        else "So no difference at all can be told from nothing here.",
    ]
    return found + [text for holds, text in _remarks(reading, certificate) if holds]


def _ends(low: float | None, high: float | None) -> str:
    return "and nothing bounds it" if low is None or high is None else f"95 % interval {low:.3f} to {high:.3f}"


def _remarks(reading: Reading, certificate: Mapping[str, Any]) -> list[tuple[bool, str]]:
    low, high, verdict = certificate["low"], certificate["high"], reading.verdict
    is_outside = low is not None and high is not None and not low <= 1 <= high
    is_beyond = verdict is not None and str(verdict.outcome) in {"faster", "slower"} and not verdict.is_within_null
    return [
        (is_outside, "That interval leaves out 1: a false alarm. Measure again before you believe a small difference."),
        (
            verdict is not None and verdict.is_within_null,
            "The difference between the two models is no larger than that: see it a second time before you rely on it.",
        ),
        (is_beyond, "The difference between the two models is larger than that."),
        (
            certificate["half_width"] > WIDE,
            "This is wide: the machine had other work to do, or few rounds were made.",
        ),
        (
            certificate.get("worker_kind", "process") != "process",
            "The copies lived in one process: the luck of a process is not in that interval.",
        ),
    ]


def accuracy_sentence(reading: Reading) -> str:
    """Say how the models' answers differ, and what the test samples can show."""
    found = reading.part("accuracy_comparison")
    if not found:
        return _apart(reading)
    counts = [found[name] for name in ("both_right", "only_baseline", "only_optimized", "both_wrong")]
    total, margin = sum(counts), margin_words(found["margin"])
    low, high = points_text(found["low"]), points_text(found["high"])
    shown = "rules out" if found["is_non_inferior"] else "does not rule out"
    return (
        f"Both models answered the same {total:,} questions: {counts[1]:,} only the baseline got right, "
        f"{counts[2]:,} only the optimized model. The difference is {points_text(found['difference'])} points, 95 % "
        f"interval {low} to {high}, which {shown} a loss of more than {margin}. Two equally good "
        f"models would disagree this one-sidedly with a chance of {spoken(found['mcnemar_p'])} (exact McNemar)."
    )


def _apart(reading: Reading) -> str:
    if reading.optimized is None:
        return "One model was judged."
    values = [value_of(model.metrics.get("accuracy")) for model in reading.models]
    if None in values:
        return "The accuracy of a model is not recorded."
    return (
        "The answers to single questions were not kept, so the models cannot be compared question by question; each "
        "interval is of one model alone, and bounds no difference."
    )


def spoken(probability: float) -> str:
    """Write a probability: two digits, or a bound.

    Example:
        >>> spoken(0.0214), spoken(1e-9), spoken(1.0)
        ('0.021', 'less than 0.0001', '1')
    """
    return "less than 0.0001" if probability < 1e-4 else f"{probability:.2g}"
