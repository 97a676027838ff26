"""Live models as cases for metrics and scenarios."""

import numpy as np
import pytest

from tinytorch import Dropout, Linear, Sequential
from tinytorch.benchmarking import METRICS, live_case
from tinytorch.benchmarking.doors.live import LiveModel
from tinytorch.benchmarking.scenarios import offline
from tinytorch.errors import ShapeError

X, Y = np.eye(4, dtype=np.float32), [0, 1, 2, 0]


def test_a_batch_is_made_of_the_samples_and_begins_again_with_the_first(clock):
    """Whatever its size."""
    seen = []
    with live_case(lambda x: seen.append(x.argmax(axis=1).tolist()), X) as case:
        for size in (1, 3, 6):
            case.batch(size)()
    assert seen == [[0], [0, 1, 2], [0, 1, 2, 3, 0, 1]]


def test_the_metrics_take_the_case():
    """Accuracy from its labels, parameters from its model."""
    with live_case(lambda x: x, X, Y) as case:
        assert METRICS["accuracy"].measure(case).estimate.value == 0.75
    with live_case(Linear(4, 3), X) as case:
        assert METRICS["parameters"].measure(case).estimate.value == 15
        assert not METRICS["accuracy"].measure(case).is_measured


def test_the_scenarios_take_its_batches(clock):
    """As many samples as asked for."""
    with LiveModel("m", lambda x: clock.pass_time(1_000_000 * len(x))).as_case(X, clock=clock) as case:
        assert offline(case.batch, sizes=(1, 8), clock=clock).best.samples_per_second.value == pytest.approx(1000)


def test_the_model_is_in_inference_mode_inside_the_block_only():
    """Dropout drops nothing while its model is measured."""
    model = Sequential(Dropout(0.5), Linear(4, 3))
    with live_case(model, X) as case:
        outputs = [case.batch(4)().data.tobytes() for _ in range(3)]
    assert (len(set(outputs)), model.training) == (1, True)


def test_labels_of_other_samples_are_refused():
    """One for each."""
    with live_case(lambda x: x, X, [0, 1]) as case, pytest.raises(ShapeError):
        METRICS["accuracy"].measure(case)
