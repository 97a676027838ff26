"""Several models, measured side by side, on a clock whose every answer is known."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch import Linear, ReLU, Sequential, Tensor
from tinytorch.benchmarking.doors import benchmark as module
from tinytorch.benchmarking.doors.benchmark import Benchmark
from tinytorch.errors import RangeError

X, Y = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 3])


class Fixed:
    """A model that takes a fixed time, and gives its inputs back."""

    def __init__(self, clock, duration, name=None):
        self.clock = clock
        self.duration = duration
        self.name = name

    def forward(self, x):
        self.clock.pass_time(self.duration)
        return x


def two(clock, datasets=()):
    """Make a benchmark of a quick and a slow model."""
    models = [Fixed(clock, 1_000_000, "quick"), Fixed(clock, 2_000_000, "slow")]
    return Benchmark(models, datasets, clock=clock, sleeper=clock)


def test_latency_is_that_of_every_timed_call(clock):
    """Milliseconds; as many values as runs, the warm-up in none of them."""
    results = two(clock).run_latency_benchmark(input_shape=(1, 4))
    assert {name: result.values for name, result in results.items()} == {"quick": [1.0] * 10, "slow": [2.0] * 10}
    assert results["quick"].metric_name == "quick_latency_ms"


def test_the_notes_say_how_it_was_measured(clock):
    """Shape, machine, and protocol."""
    notes = two(clock).run_latency_benchmark(input_shape=(1, 4))["quick"].metadata
    wanted = {"input_shape": (1, 4), "used_shape": (1, 4), "measured": True, "protocol": "interleaved"}
    assert {name: notes[name] for name in wanted} == wanted
    assert {"platform", "processor", "python_version", "cpu_count"} <= set(notes)


def test_models_take_turns(clock):
    """A machine that gets slower with every call is no slower for the second model."""
    calls = [0]

    class Drifting:
        def forward(self, x):
            calls[0] += 1
            clock.pass_time(1000 + calls[0])
            return x

    benchmark = Benchmark([Drifting(), Drifting()], [], 0, 40, clock=clock)
    first, second = benchmark.run_latency_benchmark((1, 2)).values()
    assert first.mean == pytest.approx(second.mean, rel=1e-12)


def test_the_names_are_the_models_own_or_their_places(clock):
    """Two of one name are told apart."""
    models = [Fixed(clock, 1), Fixed(clock, 1, "a"), Fixed(clock, 1, "a"), Fixed(clock, 1, "")]
    results = Benchmark(models, [], clock=clock).run_latency_benchmark((1, 2))
    assert list(results) == ["model_0", "a", "a_2", "model_3"]


def test_a_model_that_wants_flat_inputs_gets_them(clock):
    """The default shape, an image, does not fit a linear layer; as many numbers in a row do."""
    result = Benchmark([Linear(784, 3)], [], clock=clock).run_latency_benchmark()["model_0"]
    assert (result.metadata["input_shape"], result.metadata["used_shape"]) == ((1, 28, 28), (1, 784))


def test_a_model_that_takes_neither_shape_raises_what_it_raised(clock):
    """No number is made up for it."""
    with pytest.raises(ValueError, match=r"must be of shape \(\.\.\., 5\)"):
        Benchmark([Linear(5, 3)], [], clock=clock).run_latency_benchmark()


def test_the_modes_of_layers_are_as_before(clock):
    """Inference is for the time of measuring."""
    model = Sequential(Linear(4, 3), ReLU())
    seen = []
    model.forward = lambda x: seen.append((model.training, Linear.forward(model.layers[0], x).requires_grad)) or x
    Benchmark([model], [], clock=clock).run_latency_benchmark((1, 4))
    assert (set(seen), model.training) == ({(False, False)}, True)


def test_accuracy_is_counted_on_labelled_samples(clock):
    """Here the identity: the largest of each row is where the label says."""
    wrong = (X, np.array([0, 1, 2, 0]))
    result = two(clock, [(X, Y), wrong]).run_accuracy_benchmark()["quick"]
    assert (result.values, result.is_measured) == ([1.0, 0.75], True)
    assert [found["correct"] for found in result.metadata["datasets"]] == [4, 3]


def test_a_model_with_evaluate_is_asked(clock):
    """With the data set as it is."""
    model = SimpleNamespace(forward=lambda x: x, evaluate=lambda dataset: {"d": 0.5}[dataset])
    assert Benchmark([model], ["d"], clock=clock).run_accuracy_benchmark()["model_0"].values == [0.5]


@pytest.mark.parametrize("answer", [1.5, -0.1, float("nan"), "good", None, True, 92])
def test_an_answer_that_is_no_ratio_is_not_believed(clock, answer):
    """It is then not measured, and the reason is kept."""
    model = SimpleNamespace(forward=lambda x: x, evaluate=lambda _: answer)
    result = Benchmark([model], ["d"], clock=clock).run_accuracy_benchmark()["model_0"]
    assert (result.values, result.metadata["measured"]) == ([0.0], False)
    assert "what evaluate gives must be a ratio in [0, 1]" in result.metadata["reason"]


@pytest.mark.parametrize("datasets", [[], [{"name": "unlabelled"}], [X]])
def test_without_labels_accuracy_is_not_measured(clock, datasets):
    """0.0 stands for none, and says so; nothing is invented."""
    result = two(clock, datasets).run_accuracy_benchmark()["quick"]
    assert (result.values, result.metadata["measured"]) == ([0.0], False)
    assert result.metadata["reason"]


def test_a_model_that_raises_does_not_take_the_others_with_it(clock):
    """Its reason is what it raised."""

    def refuse(_):
        raise KeyError("lost")

    broken = SimpleNamespace(forward=lambda x: x, evaluate=refuse, name="broken")
    results = Benchmark([broken, Fixed(clock, 1, "ok")], [(X, Y)], clock=clock).run_accuracy_benchmark()
    assert results["broken"].metadata["reason"].startswith("KeyError")
    assert results["ok"].values == [1.0]


def test_outputs_that_are_not_finite_have_no_accuracy(clock):
    """The largest of NaNs is no class."""
    model = SimpleNamespace(forward=lambda x: x * np.nan)
    result = Benchmark([model], [(X, Y)], clock=clock).run_accuracy_benchmark()["model_0"]
    assert "finite" in result.metadata["reason"]


def test_memory_is_what_is_stored_and_what_a_call_holds(clock):
    """Megabytes of 1024^2 bytes; small models are not rounded up."""
    model = Linear(256, 128)
    result = Benchmark([model], [], clock=clock).run_memory_benchmark((1, 256))["model_0"]
    stored = (256 * 128 + 128) * 4
    assert result.metadata["stored_bytes"] == stored
    assert result.values == [(stored + peak) / 1024**2 for peak in result.metadata["peak_bytes"]]
    assert min(result.metadata["peak_bytes"]) >= 128 * 4


def test_energy_without_counters_is_not_measured(clock, monkeypatch):
    """Never modelled."""
    monkeypatch.setattr(module, "measure_energy", lambda case: SimpleNamespace(reason=f"none for {case.name}"))
    result = two(clock).run_energy_benchmark((1, 4))["slow"]
    assert (result.values, result.metadata["measured"], result.metadata["reason"]) == ([0.0], False, "none for slow")


def test_a_comparison_has_a_row_a_model(clock):
    """With the keys of the contract."""
    rows = two(clock, [(X, Y)]).compare_models("accuracy")
    assert [row["model"] for row in rows] == ["quick", "slow"]
    assert {"model", "metric", "mean", "std", "ci_lower", "ci_upper", "count"} <= set(rows[0])
    assert rows[0]["metric"] == "accuracy"


def test_a_comparison_uses_what_has_been_measured(clock):
    """With the shape it was measured at."""
    benchmark = two(clock)
    benchmark.run_latency_benchmark((1, 4))
    before = clock.time
    assert [row["mean"] for row in benchmark.compare_models()] == [1.0, 2.0]
    assert clock.time == before


def test_a_row_that_was_not_measured_says_so(clock):
    """With the reason."""
    row = two(clock).compare_models("accuracy")[0]
    assert (row["measured"], row["reason"]) == (False, "there is no data set")


def test_an_unknown_metric_is_refused(clock):
    """A `ValueError`, which lists what there is."""
    with pytest.raises(ValueError, match="latency, accuracy, memory, energy"):
        two(clock).compare_models("beauty")


def test_a_benchmark_needs_no_arguments(clock):
    """It times whatever it is then handed; the median counts."""
    durations = iter([9, 9, 9, 1_000_000, 2_000_000, 9_000_000])
    model = SimpleNamespace(forward=lambda _: clock.pass_time(next(durations)))
    measured = Benchmark(clock=clock).measure_latency(model, None, iterations=3, warmup=2)
    assert measured == 2.0


def test_it_times_with_the_input_it_was_given(clock):
    """A tensor stays the tensor it was."""
    seen = []
    x = Tensor([[1.0, 2.0]])
    Benchmark(clock=clock).measure_latency(SimpleNamespace(forward=seen.append), x, iterations=2)
    assert all(given is x for given in seen)


def test_the_attributes_are_those_of_the_contract(clock):
    """As handed in."""
    models, datasets = [Fixed(clock, 1)], [(X, Y)]
    benchmark = Benchmark(models, datasets)
    assert (benchmark.models, benchmark.warmup_runs, benchmark.measurement_runs) == (models, 5, 10)
    assert (len(benchmark.datasets), benchmark.results) == (1, {})
    assert set(benchmark.system_info) == {"platform", "processor", "python_version", "cpu_count"}


@pytest.mark.parametrize("wrong", [{"measurement_runs": 0}, {"warmup_runs": -1}, {"measurement_runs": 1.5}])
def test_runs_that_are_none_are_refused(wrong):
    """At once."""
    with pytest.raises(RangeError):
        Benchmark([], [], **wrong)


def test_every_result_is_json_with_its_notes(clock):
    """It travels in files."""
    benchmark = two(clock, [(X, Y)])
    runs = (benchmark.run_latency_benchmark, benchmark.run_memory_benchmark)
    results = [*(run((1, 4)) for run in runs), benchmark.run_accuracy_benchmark()]
    for result in (result for found in results for result in found.values()):
        assert json.dumps(result.to_dict(), allow_nan=False)


def test_the_global_random_state_is_left_alone(clock):
    """Inputs are drawn from a generator of their own."""
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  the global state is the point
    two(clock).run_latency_benchmark((1, 4))
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_the_profiler_is_made_once_and_looks_at_the_benchmarks_clock(clock):
    """One profiler a benchmark, and no other clock beside its own."""
    benchmark = Benchmark(clock=clock)
    clock.cost = 500
    assert benchmark.profiler is benchmark.profiler
    model = SimpleNamespace(forward=lambda x: clock.pass_time(2_000_000) or x)
    assert benchmark.profiler.measure_latency(model, None, warmup=1, iterations=3) == 2.0
