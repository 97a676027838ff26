"""Packed samples: can they be unpacked, and do counts and classes follow from them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinytorch.capstone.documents import Problem, Steps, Told
from tinytorch.capstone.rules.parts import inside, models
from tinytorch.errors import DataError, RangeError

__all__ = ["MOST_UNPACKED", "check_classes", "check_counts", "check_packed", "check_predictions"]

Object = dict[str, Any]

MOST_UNPACKED = 1_000_000  # of one list; seven lists, and what is computed of them, then fit in half a gigabyte
TIMES = ("latency_nanoseconds", "batch_nanoseconds")
REPACK = "Pack them with tinytorch.capstone.record.pack_integers."


def check_packed(submission: Object) -> Iterator[Problem]:
    """Packed samples can be unpacked, are as many as said, at most a million in a list, and durations are above 0."""
    for steps, packed in _packed(submission):
        problem = _trouble(steps, packed)
        if problem is not None:
            yield problem


def check_counts(submission: Object) -> Iterator[Problem]:
    """There are no more right answers than questions, and as many questions as the data set has samples."""
    said = inside(submission, "dataset").get("sample_count")
    for part, model in models(submission):
        samples, steps = inside(model, "samples"), (part, "samples")
        correct, total = samples.get("correct_count", 0), samples.get("test_count")
        if total is None:
            continue
        if correct > total:
            yield Problem((*steps, "correct_count"), f"at most test_count, {total}", correct, "Count again.")
        if said is not None and total != said:
            rule = f"{said}, the sample_count of the dataset"
            yield Problem((*steps, "test_count"), rule, total, "Judge each model on all samples.")


def check_predictions(submission: Object) -> Iterator[Problem]:
    """The right answers are counted again, where predictions and labels were kept; there is a prediction for each."""
    from tinytorch.capstone.record.derived import derived_samples

    dataset = inside(submission, "dataset")
    labels = dataset.get("labels")
    if labels is None:
        return
    if dataset.get("sample_count", labels["count"]) != labels["count"]:
        rule = f"{dataset['sample_count']}, the sample_count of the dataset"
        yield Problem(("dataset", "labels", "count"), rule, labels["count"], "Keep the label of each sample.")
    for part, model in models(submission):
        samples, steps = inside(model, "samples"), (part, "samples")
        predictions = samples.get("predictions")
        if predictions is not None and predictions["count"] != labels["count"]:
            rule = f"{labels['count']}, as many as there are labels"
            yield Problem((*steps, "predictions", "count"), rule, predictions["count"], "Keep one for each label.")
        elif predictions is not None:
            for name, value in derived_samples(model, labels).items():
                if samples.get(name, value) != value:
                    rule = f"{value}, which follows from predictions and labels"
                    yield Problem((*steps, name), rule, samples[name], "Count again.")


def check_classes(submission: Object) -> Iterator[Problem]:
    """No label and no prediction is of a class that the data set has not."""
    from tinytorch.capstone.record.packing import unpack_labels

    classes = inside(submission, "dataset").get("class_count")
    if classes is None:
        return
    for steps, packed in _packed(submission):
        if steps[-1] in TIMES or not packed["count"]:
            continue
        largest = int(unpack_labels(packed, MOST_UNPACKED).max())
        if largest >= classes:
            yield Problem(steps, f"of classes below {classes}, the class_count", Told(f"the class {largest}"))


def _packed(submission: Object) -> Iterator[tuple[Steps, Object]]:
    """Go through the packed lists that are whole."""
    labels = inside(submission, "dataset").get("labels")
    found: list[tuple[Steps, Any]] = [(("dataset", "labels"), labels)]
    for part, model in models(submission):
        samples = inside(model, "samples")
        found += [((part, "samples", name), samples.get(name)) for name in ("predictions", *TIMES)]
    for steps, packed in found:
        if packed and packed.keys() >= {"encoding", "count", "data"}:
            yield steps, packed


def _trouble(steps: Steps, packed: Object) -> Problem | None:
    from tinytorch.capstone.record.packing import unpack_integers, unpack_labels

    if packed["count"] > MOST_UNPACKED:
        rule = f"at most {MOST_UNPACKED:,}, which is what is unpacked to be judged"
        return Problem((*steps, "count"), rule, packed["count"], "Keep fewer samples.")
    is_times = steps[-1] in TIMES
    try:
        values = (unpack_integers if is_times else unpack_labels)(packed, MOST_UNPACKED)
    except (DataError, RangeError) as error:
        return Problem(steps, "integers that can be unpacked", Told(str(error).rstrip(".")), REPACK)
    if is_times and not len(values):
        return Problem(steps, "of at least one duration", Told("none"), "Leave it out where nothing was timed.")
    if is_times and values.min() < 1:
        return Problem(steps, "of durations above 0", Told(f"{values.min()} ns"), "Measure it again.")
    return None
