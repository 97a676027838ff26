"""What a benchmark report says of a model, on a clock whose every answer is known."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tinytorch.capstone import BenchmarkReport, SimpleMLP, generate_submission, save_submission
from tinytorch.capstone.metrics import CORE
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, DTypeError, RangeError, ShapeError

X, Y = np.ones((6, 10), dtype=np.float32), np.array([0, 1, 2, 0, 1, 2])


class Fixed:
    """A model that gives the scores it was made with, and remembers what it was given."""

    def __init__(self, scores, clock=None, durations=()):
        self.scores = np.asarray(scores, dtype=float)
        self.clock = clock
        self.durations = iter(durations)
        self.inputs = []

    def forward(self, x):
        """Take the next duration, and give as many scores as there are samples."""
        self.inputs.append(x)
        if self.clock is not None:
            self.clock.pass_time(next(self.durations, 1))
        return self.scores[: len(x)]


def measured(model, X_test=X, y_test=Y, **options):
    """Benchmark a model and give the metrics."""
    return BenchmarkReport("m").benchmark_model(model, X_test, y_test, **{"num_runs": 3} | options)


def test_a_new_report_knows_its_name_and_machine_and_no_metrics():
    """These attributes are there from the first."""
    report = BenchmarkReport()
    assert (report.model_name, report.metrics) == ("model", {})
    assert {"platform", "python_version", "numpy_version"} <= report.system_info.keys()


def test_the_timestamp_is_iso_8601_in_utc():
    """And not a local time with a space in it."""
    moment = datetime.fromisoformat(BenchmarkReport().timestamp)
    assert (moment.utcoffset(), abs(datetime.now(UTC) - moment) < timedelta(days=1)) == (timedelta(0), True)


def test_the_six_core_metrics_come_first():
    """Users' code has read these names from the beginning."""
    assert tuple(measured(SimpleMLP()))[:6] == CORE


def test_the_metrics_are_kept_in_the_report():
    """What is returned is what the submission will say."""
    report = BenchmarkReport()
    assert report.benchmark_model(SimpleMLP(), X, Y, num_runs=2) == report.metrics


def test_metrics_are_json():
    """Plain numbers: no NumPy scalar gets into the file."""
    metrics = measured(SimpleMLP())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_latency_statistics_follow_from_the_timed_calls(clock):
    """Mean, standard deviation and extremes of 2, 4 and 6 ms, without the first call of 90 ms and the warm-up."""
    warmup = [90_000_000] + [50_000_000] * 10
    model = Fixed(np.eye(3)[Y], clock, [*warmup, 2_000_000, 4_000_000, 6_000_000])
    report = BenchmarkReport(clock=clock)
    metrics = report.benchmark_model(model, X, Y, num_runs=3)
    names = ("latency_ms_mean", "latency_ms_std", "latency_ms_min", "latency_ms_max", "first_call_ms", "warmup_count")
    assert [metrics[name] for name in names] == [4.0, 2.0, 2.0, 6.0, 90.0, 11]
    assert (metrics["throughput_samples_per_sec"], metrics["num_runs"]) == (250.0, 3)


def test_the_mean_latency_has_its_t_interval(clock):
    """4 ms, give or take 4.303 times 2 ms over the root of 3; of one call there is none."""
    model = Fixed(np.eye(3)[Y], clock, [1] * 11 + [2_000_000, 4_000_000, 6_000_000])
    metrics = BenchmarkReport(clock=clock).benchmark_model(model, X, Y, num_runs=3)
    ends = metrics["latency_ms_mean_low"], metrics["latency_ms_mean_high"]
    assert ends == pytest.approx((4 - 4.968275, 4 + 4.968275))
    assert measured(SimpleMLP(), num_runs=1)["latency_ms_mean_low"] is None


def test_percentiles_have_their_binomial_interval(reports):
    """Around the value where there is one, null with it elsewhere."""
    metrics, few = reports[0].metrics, measured(SimpleMLP(), num_runs=20)
    for percent in (50, 90, 99):
        low, value, high = (metrics[f"latency_ms_p{percent}{end}"] for end in ("_low", "", "_high"))
        assert low <= value <= high
    assert few["latency_ms_p50_low"] <= few["latency_ms_p50"] <= few["latency_ms_p50_high"]
    assert (few["latency_ms_p99_low"], few["latency_ms_p99_high"]) == (None, None)


def test_batch_throughput_has_its_interval_by_batch_means(clock):
    """Twenty batches of alternating 2 and 4 ms: 3 ms, give or take 2.093 times their deviation over the root of 20."""
    times = [1000] * (1 + 10 + 3) + [3_000_000] * 2 + [2_000_000, 4_000_000] * 10
    metrics = BenchmarkReport(clock=clock).benchmark_model(Fixed(np.eye(3)[Y], clock, times), X, Y, num_runs=3)
    name, half = "batch_throughput_samples_per_sec", 2.093024 * 1.025978 / 20**0.5
    ends = [metrics[f"{name}_{end}"] for end in ("low", "high")]
    assert (metrics[name], ends) == (2000, pytest.approx([6000 / (3 + half), 6000 / (3 - half)]))


def test_raw_samples_are_kept(clock):
    """Every statistic can be had again."""
    model = Fixed(np.eye(3)[Y], clock, [1] * 11 + [30, 20, 10])
    metrics = BenchmarkReport(clock=clock).benchmark_model(model, X, Y, num_runs=3)
    assert metrics["latency_samples_ns"] == [30, 20, 10]


def test_a_percentile_without_enough_runs_is_null_with_its_bound():
    """Twenty runs give a median; p90 and p99 get the one-sided bound that twenty runs allow."""
    metrics = measured(SimpleMLP(), num_runs=20)
    assert metrics["latency_ms_p50"] is not None
    assert (metrics["latency_ms_p90"], metrics["latency_ms_p99"]) == (None, None)
    assert metrics["latency_ms_min"] <= metrics["latency_ms_p90_at_least"] <= metrics["latency_ms_max"]
    assert "latency_ms_p50_at_least" not in metrics


def test_batch_throughput_is_measured_on_batches(clock):
    """Six samples in 3 µs are two million a second, whatever a single one takes."""
    model = Fixed(np.eye(3)[Y], clock, [1000] * (1 + 10 + 3) + [3000] * 22)
    metrics = BenchmarkReport(clock=clock).benchmark_model(model, X, Y, num_runs=3)
    assert (metrics["batch_size"], metrics["batch_throughput_samples_per_sec"]) == (6, 2_000_000.0)
    assert metrics["batch_samples_ns"] == [3000] * 20


def test_latency_is_that_of_the_first_sample_alone():
    """The contract's X_test[:1]."""
    model = Fixed(np.eye(3)[Y])
    rows = np.arange(60.0).reshape(6, 10)
    measured(model, rows)
    assert all(np.array_equal(given, rows[:1]) for given in model.inputs[:14])


def test_accuracy_is_the_share_of_samples_whose_largest_score_is_right():
    """Four of six, with Wilson's interval and the counts it follows from."""
    metrics = measured(Fixed(np.eye(3)[[0, 1, 2, 0, 0, 0]]))
    assert (metrics["correct_count"], metrics["test_count"], metrics["accuracy"]) == (4, 6, 4 / 6)
    assert metrics["accuracy_low"] < 4 / 6 < metrics["accuracy_high"]


def test_accuracy_is_taken_over_all_batches():
    """More samples than a batch holds: none is left out or counted twice."""
    labels = np.arange(1000) % 3
    model = Sequential(Linear(3, 3, bias=False))
    model[0].weight.data = np.eye(3, dtype=np.float32)
    metrics = measured(model, np.eye(3)[labels], labels)
    assert (metrics["accuracy"], metrics["test_count"], metrics["batch_size"]) == (1.0, 1000, 256)


def test_size_is_bytes_as_stored():
    """283 numbers of four bytes, or of eight; the count stays."""
    single, double = measured(SimpleMLP()), measured(SimpleMLP().astype(np.float64))
    assert (single["model_size_bytes"], double["model_size_bytes"]) == (1132, 2264)
    assert double["model_size_mb"] == 2264 / 1024**2
    assert single["parameter_count"] == double["parameter_count"] == 283


def test_threads_and_protocol_are_recorded():
    """One thread, or unknown where no matrix library can be asked; timed alone."""
    metrics = measured(SimpleMLP())
    assert metrics["blas_threads"] in {1, None}
    assert metrics["timing_protocol"] == "alone"


def test_models_measured_together_say_so(reports):
    """Their latencies were taken in turns."""
    assert [report.metrics["timing_protocol"] for report in reports] == ["interleaved"] * 2


class Spy(Layer):
    """A model that looks at how it is called."""

    def __init__(self):
        self.linear = Linear(10, 3)
        self.dropout = Dropout(0.5)
        self.seen = set()

    def forward(self, x):
        """Note the modes and whether a graph is recorded."""
        out = self.dropout.forward(self.linear.forward(x))
        self.seen.add((self.training, self.dropout.training, out.requires_grad, type(x).__name__))
        return out


def test_a_tinytorch_model_runs_in_inference_mode_without_a_graph():
    """Dropout is off and no memory goes into gradients; arrays arrive as tensors."""
    model = Spy()
    measured(model)
    assert model.seen == {(False, False, False, "Tensor")}


@pytest.mark.parametrize("modes", [(True, True), (True, False), (False, True), (False, False)])
def test_every_layers_mode_is_restored(modes):
    """A layer that was frozen in another mode than its parent keeps it."""
    model = Spy()
    model.training, model.dropout.training = modes
    measured(model)
    assert (model.training, model.dropout.training) == modes


def test_modes_are_restored_after_an_error():
    """A bad label does not leave the model changed."""
    model = Spy()
    with pytest.raises(RangeError):
        measured(model, y_test=[0, 1, 2, 0, 1, 3])
    assert (model.training, model.dropout.training) == (True, True)


def test_weights_and_data_are_left_alone():
    """Measuring changes nothing."""
    model, rows = SimpleMLP(), X.copy()
    before = model.state_dict()
    measured(model, rows)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert np.array_equal(rows, X)


def test_a_foreign_model_gets_what_the_caller_gave():
    """Arrays stay arrays, and tensors tensors."""
    given = []
    for rows in (X, Tensor(X)):
        model = Fixed(np.eye(3)[Y])
        measured(model, rows)
        given.append({type(inputs) for inputs in model.inputs})
    assert given == [{np.ndarray}, {Tensor}]


def test_a_foreign_models_own_mode_is_left_alone():
    """An attribute called `training` on somebody else's class is not ours."""
    model = Fixed(np.eye(3)[Y])
    model.training = "mine"
    measured(model)
    assert model.training == "mine"


def test_a_plain_function_is_a_model():
    """Whatever can be called can be measured."""
    assert measured(lambda x: np.eye(3)[Y][: len(x)])["accuracy"] == 1.0


def test_a_model_without_parameters_has_none_and_no_submission_takes_it(tmp_path):
    """The count is not invented; the file is refused, with the path of the count."""
    report = BenchmarkReport("function")
    metrics = report.benchmark_model(lambda x: np.eye(3)[Y][: len(x)], X, Y, num_runs=3)
    assert (metrics["parameter_count"], metrics["model_size_bytes"]) == (0, 0)
    with pytest.raises(ValueError, match=r"\$\.baseline\.metrics\.parameter_count"):
        save_submission(generate_submission(report), tmp_path / "s.json")


@pytest.mark.parametrize("labels", [Y, Y.tolist(), Y.astype(np.float32), Tensor(Y), Y.astype(np.uint8)])
def test_labels_may_be_an_array_a_list_or_a_tensor(labels):
    """As long as they are whole numbers."""
    assert measured(Fixed(np.eye(3)[Y]), y_test=labels)["accuracy"] == 1.0


NAN_SCORES = np.full((6, 3), np.nan)
GOOD = np.eye(3)[Y]
BAD_INPUT = {
    "one label too few": (GOOD, X, Y[:5], ShapeError, r"y_test must be of shape \(6,\)"),
    "labels in a column": (GOOD, X, Y.reshape(-1, 1), ShapeError, r"y_test must be of shape \(6,\)"),
    "one-hot labels": (GOOD, X, np.eye(3)[Y], ShapeError, r"y_test must be of shape \(6,\)"),
    "no samples": (GOOD, X[:0], Y[:0], DataError, "X_test must be at least one sample"),
    "one sample without its row": (GOOD, X[0], Y, ShapeError, "one sample in each row"),
    "texts for inputs": (GOOD, np.array([["a"]] * 6), Y, DTypeError, "X_test must be numbers"),
    "fractional labels": (GOOD, X, Y + 0.5, DTypeError, "y_test must be whole numbers"),
    "boolean labels": (GOOD, X, Y > 0, DTypeError, "y_test must be whole numbers"),
    "NaN labels": (GOOD, X, Y * np.nan, DTypeError, "y_test must be whole numbers"),
    "infinite labels": (GOOD, X, np.full(6, np.inf), DTypeError, "y_test must be whole numbers"),
    "a negative label": (GOOD, X, Y - 1, RangeError, "a label must be at least 0; got -1"),
    "a label without a score": (GOOD, X, Y + 1, RangeError, "a label must be below 3.*got 3"),
    "NaN scores": (NAN_SCORES, X, Y, DataError, "output must be finite"),
    "infinite scores": (np.full((6, 3), np.inf), X, Y, DataError, "output must be finite"),
    "too few rows of scores": (GOOD[:4], X, Y, ShapeError, r"output must be of shape \(6, C\)"),
    "one score a sample": (GOOD[:, :1], X, Y, ShapeError, "at least two"),
    "scores without rows": (GOOD[:, 0], X, Y, ShapeError, r"output must be of shape \(6, C\)"),
}


@pytest.mark.parametrize(("scores", "inputs", "labels", "error", "message"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_unusable_input_is_refused_with_the_rule(scores, inputs, labels, error, message):
    """Each mistake has an error that names what was expected."""
    with pytest.raises(error, match=message):
        measured(Fixed(scores), inputs, labels)


@pytest.mark.parametrize("runs", [0, -1, 1.5, True, "10", None])
def test_an_impossible_number_of_runs_is_refused(runs):
    """Nothing is timed."""
    with pytest.raises(RangeError, match="num_runs must be a whole number"):
        measured(SimpleMLP(), num_runs=runs)


def test_what_cannot_be_called_is_no_model():
    """A class without forward is named."""
    with pytest.raises(DTypeError, match="forward method; got a dict"):
        measured({})
