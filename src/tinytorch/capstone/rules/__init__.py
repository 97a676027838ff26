"""The rules between the fields of a submission, which no schema can say, by the version of the schema.

A rule takes a submission whose unsound values have been left out, and yields a problem for each value that contradicts
another. Its docstring says in one sentence what must hold; the documentation lists these.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tinytorch.capstone.documents import Problem
from tinytorch.capstone.rules import first
from tinytorch.capstone.rules.attempts import check_attempts
from tinytorch.capstone.rules.dates import check_timestamp
from tinytorch.capstone.rules.metrics import (
    check_batches,
    check_intervals,
    check_metrics,
    check_order,
    check_origins,
    check_throughput,
    declared_paths,
)
from tinytorch.capstone.rules.pairs import (
    check_accuracy_comparison,
    check_accuracy_counts,
    check_certificate,
    check_comparison,
    check_improvements,
    check_margin,
)
from tinytorch.capstone.rules.samples import check_classes, check_counts, check_packed, check_predictions
from tinytorch.capstone.rules.surroundings import check_baseline, check_git

__all__ = ["RULES", "STAGES", "Rule", "declared_paths"]

Rule = Callable[[dict[str, Any]], Iterator[Problem]]

# By version, in stages: what one stage finds unsound, the next does not see. The first one asks whether samples are
# there, whatever they are worth; the second unpacks them.
STAGES: dict[int, tuple[tuple[Rule, ...], ...]] = {
    1: (first.RULES,),
    2: (
        (check_packed, check_origins, check_batches),
        (
            check_timestamp,
            check_git,
            check_counts,
            check_predictions,
            check_classes,
            check_metrics,
            check_throughput,
            check_order,
            check_intervals,
            check_baseline,
            check_improvements,
            check_comparison,
            check_certificate,
            check_margin,
            check_accuracy_comparison,
            check_accuracy_counts,
            check_attempts,
        ),
    ),
}
RULES: dict[int, tuple[Rule, ...]] = {version: sum(stages, ()) for version, stages in STAGES.items()}
