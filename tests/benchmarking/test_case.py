"""A case of something that can be loaded in processes of its own."""

import pytest

from contracts.process_samples import make_call, make_classifier
from tinytorch.benchmarking.case import case_of
from tinytorch.benchmarking.metrics import METRICS
from tinytorch.benchmarking.metrics.processes import in_fresh
from tinytorch.errors import DTypeError

CLASSIFIER = "contracts.process_samples:make_classifier"


def with_weights(process, loaded):
    """Weigh what was loaded."""
    return loaded, process.ask("weigh", 60.0)


def test_a_fresh_process_loads_the_factory_and_weighs_what_it_makes():
    """As stored, in a file, and in parameters; from an interpreter that knows only where to look."""
    ((loaded, weighed),) = in_fresh(case_of(CLASSIFIER), 1, with_weights)
    assert min(loaded[stage] for stage in ("import_ns", "build_ns", "first_call_ns", "second_call_ns")) > 0
    assert (weighed["stored_bytes"], weighed["parameter_count"]) == (64, 16)
    assert weighed["serialized_bytes"] > 64


def test_accuracy_is_counted_on_what_a_process_says():
    """With the hash of its outputs, so that timed calls can be held to it."""
    found = METRICS["accuracy"].measure(case_of(CLASSIFIER))
    assert (found.raw["correct_count"], found.raw["test_count"]) == (3, 4)
    assert len(found.raw["outputs_sha256"]) == 64


def test_what_has_no_labels_has_no_accuracy():
    """It is unavailable, with the reason."""
    assert not METRICS["accuracy"].measure(case_of("contracts.process_samples:make_call")).is_measured


def test_something_live_is_weighed_in_a_fork():
    """It cannot be imported, and is not to be weighed where others are timed."""
    ((_, weighed),) = in_fresh(case_of(make_classifier(), "live"), 1, with_weights)
    assert (weighed["stored_bytes"], case_of(make_call(), "live").name) == (64, "live")


def test_what_is_nothing_to_measure_is_refused():
    """At once."""
    with pytest.raises(DTypeError):
        case_of(3)
