"""Two models beside each other: what was gained, how sure that is, and how many attempts it took."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

from tinytorch.capstone.record.fields import (
    Absent,
    Confidence,
    Count,
    CountOrZero,
    Difference,
    Digest,
    NotNegative,
    Part,
    Positive,
    Rule,
    Share,
    Text,
)

__all__ = ["AccuracyComparison", "Attempts", "Certificate", "Comparison", "Improvements"]

PERCENTAGES = "Divide percentages by 100."
LogRatio = Annotated[float, Ge(-20), Le(20), Rule("the logarithm of a ratio, in [-20, 20]")]
Rounds = Annotated[list[LogRatio], MinLen(1), Rule("a list of at least one round")]
Sessions = Annotated[list[Rounds], MinLen(1), Rule("a list of at least one session")]
Margin = Annotated[float, Gt(0), Le(1), Rule("a share above 0, at most 1", PERCENTAGES)]
Claim = Annotated[bool, Rule("true or false")]


class Improvements(Part):
    """What the optimization gained; each follows from the metrics of the two models."""

    speedup: Positive
    """Derived: the baseline's mean latency over the optimized model's."""
    compression_ratio: Positive
    """Derived: the baseline's stored bytes over the optimized model's."""
    accuracy_delta: Difference
    """Derived: the optimized model's accuracy less the baseline's."""


class Certificate(Part):
    """The baseline compared with itself by the same instrument."""

    ratio: Positive
    """Derived: the ratio found between two copies of the baseline; 1 would be perfect."""
    low: Positive | None
    """Derived: the lower end of its 95 % interval; null where nothing bounds it."""
    high: Positive | None
    """Derived: the upper end; null where nothing bounds it."""
    half_width: NotNegative
    """Derived: the difference, as a share, that this instrument cannot tell from nothing; 1 if it can tell nothing."""
    worker_kind: Absent[Text] = None
    """Declared: where the models lived; process is a fresh one each."""
    log_ratios: Absent[Sessions] = None
    """Measured: ln(t_first / t_second) of the two copies for each round, one list a session."""


class Comparison(Part):
    """The two models side by side in fresh processes, each read from a file, on one sample."""

    outcome: Annotated[
        Literal["faster", "slower", "equivalent", "undecided"],
        Rule("'faster', 'slower', 'equivalent' or 'undecided'"),
    ]
    """Derived: faster or slower where the interval excludes 1; else equivalent where the 90 % interval lies within
    the margin; else undecided."""
    speedup: Positive
    """Derived: e to the mean over sessions of the median over rounds."""
    low: Positive | None
    """Derived: the lower end of its interval, the hull of Student's t over sessions and the sign test over rounds;
    null where nothing bounds it."""
    high: Positive | None
    """Derived: the upper end; null where nothing bounds it."""
    confidence: Confidence
    """Derived: how often such an interval holds the true speed-up; 0.95."""
    minimum_detectable_effect: NotNegative | None = None
    """Derived: the change, as a share, that four in five such comparisons would call faster or slower; null of one
    session."""
    sessions: Count
    """Derived: pairs of fresh processes."""
    rounds: Count
    """Derived: rounds of all sessions together."""
    within_certificate: Claim | None = None
    """Derived: whether it says faster or slower of a change no larger than the certificate's half_width; null without
    a certificate."""
    preset: Absent[Text] = None
    """Declared: quick, standard or rigorous, or own for another design."""
    seed: Absent[CountOrZero] = None
    """Declared: what orders, hash seeds and paddings followed from."""
    margin: Margin
    """Declared: how much slower or faster still counts as equivalent, as a share."""
    calls_per_epoch: Absent[Count] = None
    """Measured: inferences in each timed epoch, alike for both models."""
    certificate: Certificate | None = None
    """The baseline compared with itself; null where that was left out."""
    log_ratios: Sessions
    """Measured: ln(t_baseline / t_optimized) for each round, one list a session."""


class AccuracyComparison(Part):
    """The two models' answers to the same questions; all of it follows from the labels and both predictions."""

    both_right: CountOrZero
    """Derived: samples that both models got right."""
    only_baseline: CountOrZero
    """Derived: samples that only the baseline got right."""
    only_optimized: CountOrZero
    """Derived: samples that only the optimized model got right."""
    both_wrong: CountOrZero
    """Derived: samples that neither got right."""
    mcnemar_p: Share
    """Derived: the exact two-sided p-value of McNemar's test: how easily two equal models disagree this one-sidedly."""
    difference: Difference
    """Derived: the optimized model's accuracy less the baseline's."""
    low: Difference
    """Derived: the lower end of its interval, by Tango's score."""
    high: Difference
    """Derived: the upper end."""
    confidence: Absent[Confidence] = None
    """Derived: how often such an interval holds the true difference; 0.95."""
    margin: Share
    """Declared: the loss that still counts as none, as in the protocol."""
    is_non_inferior: Claim
    """Derived: whether the whole interval lies above -margin."""


class Attempts(Part):
    """How many attempts this one was chosen from, and where all of them are on record."""

    campaign: Text
    """What the attempts belong to."""
    ledger_head: Digest
    """The hash of the ledger's entry that this attempt started, which chains all before it."""
    preceding: CountOrZero
    """Attempts before this one."""
    aborted: CountOrZero
    """Those of them that had not finished when this one started."""
    best_of_inflation: NotNegative | None = None
    """Derived: how much too good the best of so many equal attempts is expected to look, as the logarithm of a ratio;
    null if unknown."""
