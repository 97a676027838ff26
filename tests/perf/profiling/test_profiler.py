"""`Profiler`, under the names and with the units that users know."""

import io

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD, Adam, AdamW
from tinytorch.core.spatial import Conv2d, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError
from tinytorch.perf.profiling import Profiler, RoofSizes, Rounds, analyze_weight_distribution, quick_profile
from tinytorch.perf.profiling.models import held_arrays

MB = 1024**2
MEMORY = {"parameter_memory_mb", "activation_memory_mb", "peak_memory_mb", "memory_efficiency"}


@pytest.fixture
def profiler(clock):
    """Give one that takes six rounds on the virtual clock."""
    return Profiler(rounds=Rounds(6, 0), clock=clock, roofs=RoofSizes(8, (96, 960)))


@pytest.fixture
def two_ms(clock):
    """Give a layer whose forward pass takes 2 ms."""

    class TwoMilliseconds(Linear):
        def forward(self, x):
            clock.pass_time(2_000_000)
            return super().forward(x)

    return TwoMilliseconds(100, 50)


def double(name, **attributes):
    """Give a stand-in of a class of that name."""
    return type(name, (), attributes)()


class TestParameters:
    """`.layers` first, then `.parameters()`, then `.weight` and `.bias`."""

    @pytest.mark.parametrize(
        ("model", "count"),
        [
            (Linear(4, 2), 10),
            (Sequential(Linear(4, 2), ReLU(), Linear(2, 1)), 13),
            (double("Model", layers=[double("Linear", weight=Tensor(np.ones((3, 2))), bias=Tensor(np.ones(2)))]), 8),
            (double("Model", parameters=lambda self: []), 0),
            (double("Linear", weight=Tensor(np.ones((3, 2))), bias=None), 6),
            (Tensor(np.ones((3, 2))), 0),
            (object(), 0),
        ],
    )
    def test_they_are_counted(self, profiler, model, count):
        assert profiler.count_parameters(model) == count

    def test_a_shared_one_counts_once(self, profiler):
        shared = Linear(4, 2)
        assert profiler.count_parameters(Sequential(shared, shared)) == 10
        tied = GPT(7, 8, 1, 2, 4, tie_weights=True)
        assert profiler.count_parameters(tied) == sum(one.size for one in tied.parameters())

    def test_what_stands_beside_the_layers_counts_too(self, profiler):
        class Headed(Sequential):
            def __init__(self):
                super().__init__(Linear(4, 2))
                self.head = Linear(2, 1)

        assert profiler.count_parameters(Headed()) == 13


class TestFlops:
    """Of one sample, whatever the batch."""

    @pytest.mark.parametrize("shape", [(128,), (1, 128), (32, 128)])
    def test_a_linear_layer_by_hand(self, profiler, shape):
        assert profiler.count_flops(Linear(128, 64), shape) == 2 * 128 * 64

    @pytest.mark.parametrize("batch", [1, 8])
    def test_a_convolution_by_hand_with_padding_and_stride(self, profiler, batch):
        """5 x 5 kernels of 3 channels at stride 2 with padding 2: 16 x 16 places for 8 filters."""
        layer = Conv2d(3, 8, 5, stride=2, padding=2)
        assert profiler.count_flops(layer, (batch, 3, 32, 32)) == 2 * (8 * 16 * 16) * (3 * 25)

    def test_activations_count(self, profiler):
        assert profiler.count_flops(Sequential(Linear(4, 8), ReLU()), (2, 4)) == 2 * 4 * 8 + 8
        assert profiler.operation_counts == {"linear": 1, "relu": 1}

    def test_doubles_are_counted_by_the_names_of_their_classes(self, profiler):
        linear = double("Linear", weight=Tensor(np.ones((128, 64))))
        conv = double("Conv2d", weight=Tensor(np.ones((8, 3, 5, 5))), stride=2, padding=2)
        assert profiler.count_flops(linear, (32, 128)) == 2 * 128 * 64
        assert profiler.count_flops(conv, (4, 3, 32, 32)) == 2 * (8 * 16 * 16) * (3 * 25)
        assert profiler.measurements["count_flops"]["method"] == "by name"

    def test_layers_of_doubles_are_added_up(self, profiler):
        """Each is given the shape that the one before it makes."""
        first, second = (double("Linear", weight=Tensor(np.ones(size))) for size in ((8, 4), (4, 2)))
        model = double("Model", layers=[first, double("Other"), second])
        assert profiler.count_flops(model, (3, 8)) == 2 * 8 * 4 + 4 + 2 * 4 * 2

    def test_whatever_else_counts_one_for_each_element(self, profiler):
        assert profiler.count_flops(Tensor([[1, 2], [3, 4]]), (2, 2)) == 4
        assert profiler.measurements["count_flops"] == {"flops": 4, "method": "assumed"}

    @pytest.mark.parametrize("shape", [(0, 4), (-1, 4), (2.0, 4), (True, 4)])
    def test_a_shape_is_of_whole_numbers(self, profiler, shape):
        with pytest.raises(RangeError, match="an input's shape must be of whole numbers above 0"):
            profiler.count_flops(Linear(4, 2), shape)


class TestMemory:
    """Bytes as stored, and as allocated."""

    def test_the_parameters_are_weighed_as_stored(self, profiler):
        found = profiler.measure_memory(Linear(256, 256).astype("float64"), (1, 256))
        assert (set(found), found["parameter_memory_mb"]) == (MEMORY, 8 * (256 * 256 + 256) / MB)
        assert profiler.memory_tracker is found

    def test_the_peak_is_the_parameters_the_input_and_what_a_call_allocates(self, profiler):
        """1,000 rows of 100 floats in, and 50 out; NumPy takes 32 KB for a moment where it broadcasts."""
        found = profiler.measure_memory(Linear(100, 50), (1000, 100))
        activations = found["activation_memory_mb"] * MB
        assert 4 * 150_000 <= activations < 4 * 150_000 + 40_000
        assert found["peak_memory_mb"] == found["parameter_memory_mb"] + found["activation_memory_mb"]

    @pytest.mark.parametrize("model", [Linear(10, 10), Tensor(np.ones((2, 2)))], ids=["model", "none"])
    def test_a_larger_input_takes_no_less(self, profiler, model):
        small, large = (profiler.measure_memory(model, (rows, 10)) for rows in (5, 500))
        assert small["activation_memory_mb"] <= large["activation_memory_mb"]
        for found in (small, large):
            assert 0 <= found["memory_efficiency"] <= 1
            assert min(found.values()) >= 0

    def test_a_layer_that_wastes_memory_is_less_efficient(self, profiler):
        class Wasteful(Linear):
            def forward(self, x):
                return super().forward(x + 1 - 1 + 1 - 1)

        thrifty, wasteful = (profiler.measure_memory(kind(100, 10), (1000, 100)) for kind in (Linear, Wasteful))
        assert wasteful["memory_efficiency"] < thrifty["memory_efficiency"]

    def test_a_layer_of_ids_gets_ids(self, profiler):
        assert profiler.measure_memory(GPT(7, 8, 1, 2, 4), (2, 3))["activation_memory_mb"] > 0


class TestLatency:
    """The median, in milliseconds."""

    def test_it_is_the_median_of_the_calls_that_count(self, profiler, clock):
        """Ten that warm up take longest; of 9, 1, 2, 3 and 4 ms the middle is 3."""
        durations = iter([*[99] * 10, 9, 1, 2, 3, 4])
        model = double("Model", forward=lambda self, x: clock.pass_time(next(durations) * 1_000_000))
        assert profiler.measure_latency(model, None, iterations=5) == 3.0

    def test_it_is_of_inference(self, profiler):
        """No graph is recorded, and layers are not in training; the mode is put back."""
        seen = []

        class Watched(Linear):
            def forward(self, x):
                out = super().forward(x)
                seen.append((self.training, out.requires_grad))
                return out

        model = Watched(1, 1)
        profiler.measure_latency(model, Tensor([1.0]), warmup=0, iterations=1)
        assert (seen, model.training) == ([(False, False)], True)

    def test_it_is_above_zero_on_the_real_clock(self):
        assert Profiler().measure_latency(Linear(4, 2), Tensor(np.ones((1, 4))), warmup=1, iterations=3) > 0

    @pytest.mark.parametrize(("warmup", "iterations"), [(-1, 1), (0, 0), (0, 1.5)])
    def test_calls_are_counted_in_whole_numbers(self, profiler, warmup, iterations):
        with pytest.raises(RangeError, match="must be a whole number"):
            profiler.measure_latency(Linear(4, 2), Tensor(np.ones((1, 4))), warmup, iterations)

    def test_what_cannot_be_called_is_refused(self, profiler):
        with pytest.raises(DTypeError, match="must be one that can be called; got object"):
            profiler.measure_latency(object(), None)


class TestForward:
    """Rates are of the whole batch; shares are of what this machine did."""

    def test_rates_divide_the_whole_batch_by_its_time(self, profiler, two_ms):
        """32 samples of 2 · 100 · 50 FLOPs in 2 ms."""
        found = profiler.profile_forward_pass(two_ms, Tensor(np.ones((32, 100))))
        assert (found["flops"], found["total_flops"], found["batch_size"]) == (10_000, 320_000, 32)
        assert (found["latency_ms"], found["gflops_per_second"]) == (2.0, 320_000 / 2e6)
        moved = 4 * (32 * 100 + 5050 + 32 * 50)
        assert (found["bytes_moved"], found["memory_bandwidth_mbs"]) == (moved, moved / 0.002 / MB)

    def test_shares_are_of_roofs_measured_in_the_same_rounds(self, profiler, two_ms):
        """The virtual product does 1,024 FLOPs in 1 ns, the stream 960 bytes: the FLOPs would take 312.5 ns."""
        found = profiler.profile_forward_pass(two_ms, Tensor(np.ones((32, 100))))
        assert (found["peak_gflops_per_second"], found["computational_efficiency"]) == (1024, 312.5 / 2e6)
        assert (found["bottleneck"], found["is_compute_bound"], found["is_memory_bound"]) == ("compute", True, False)
        assert found["roof_share"] == 312.5 / 2e6

    def test_few_flops_a_byte_are_bound_by_memory(self, profiler):
        found = profiler.profile_forward_pass(ReLU(), Tensor(np.ones((10, 1000))))
        assert (found["bottleneck"], found["is_memory_bound"], found["is_compute_bound"]) == ("memory", True, False)
        assert 0 <= found["computational_efficiency"] <= 1

    def test_a_layers_profile_names_it(self, profiler):
        found = profiler.profile_layer(Linear(4, 2), (3, 4))
        assert (found["layer_type"], found["parameters"], found["flops"]) == ("Linear", 10, 16)
        assert {"latency_ms", "gflops_per_second", *MEMORY} <= set(found)
        assert profiler.measurements["profile_layer"] is found

    def test_a_model_that_cannot_be_traced_is_counted_by_its_arrays(self, profiler):
        """Four FLOPs are assumed, of four elements; 16 bytes in and 16 out."""
        model = double("Model", forward=lambda self, x: Tensor(x.data * 2))
        found = profiler.profile_forward_pass(model, Tensor(np.ones((2, 2))))
        assert (found["flops"], found["total_flops"], found["bytes_moved"]) == (4, 4, 32)

    def test_the_summary_is_written_too(self, profiler, capsys):
        found = quick_profile(Linear(4, 2), Tensor(np.ones((3, 4))), profiler)
        assert found == profiler.measurements["profile_forward_pass"]
        assert capsys.readouterr().out.splitlines()[:2] == ["Linear", "  parameters        10"]
        stream = io.StringIO()
        quick_profile(Linear(4, 2), Tensor(np.ones((3, 4))), profiler, stream=stream)
        assert (stream.getvalue().startswith("Linear\n"), capsys.readouterr().out) == (True, "")


class TestBackward:
    """Measured, not twice the forward pass."""

    def test_both_passes_are_timed_each_by_itself(self, profiler, make_waiting_layer):
        """2 ms forwards, three times that backwards."""
        found = profiler.profile_backward_pass(make_waiting_layer(2_000_000), Tensor(np.ones((4, 3))))
        assert (found["forward_latency_ms"], found["backward_latency_ms"], found["total_latency_ms"]) == (2, 6, 8)
        assert (found["forward_flops"], found["backward_flops"], found["total_flops"]) == (3, 3, 6)
        assert found["total_gflops_per_second"] == 24 / 8e6

    def test_the_backward_pass_costs_at_least_the_forward_pass(self, profiler):
        """By hand for one layer: the weights' product, and the bias's sum."""
        found = profiler.profile_backward_pass(Linear(7, 4), Tensor(np.ones((5, 7))))
        assert (found["forward_flops"], found["backward_flops"]) == (56, 56 + 4)
        found = profiler.profile_backward_pass(LeNet(), Tensor(np.ones((2, 1, 28, 28))))
        assert found["backward_flops"] >= found["forward_flops"]

    def test_the_loss_is_part_of_it(self, profiler):
        """It is called with the result, and gradients are those of its graph."""
        seen = []

        def loss(result):
            seen.append(result.shape)
            return CrossEntropyLoss()(result, Tensor([0, 1]))

        model = Linear(4, 3)
        found = profiler.profile_backward_pass(model, Tensor(np.ones((2, 4))), loss)
        assert (set(seen), found["gradient_memory_mb"], model.weight.grad) == ({(2, 3)}, 4 * 15 / MB, None)

    @pytest.mark.parametrize(("name", "kind"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW)])
    def test_what_optimizers_keep_is_what_they_keep(self, profiler, name, kind):
        """Counted on the optimizer itself after a step."""
        model = Linear(40, 30)
        estimate = profiler.profile_backward_pass(model, Tensor(np.ones((2, 40))))["optimizer_memory_estimates"][name]
        optimizer = kind(model.parameters(), lr=0.1)
        model(Tensor(np.ones((2, 40)))).sum().backward()
        optimizer.step()
        kept = [buffer for held in optimizer.buffers for buffer in getattr(optimizer, held) if buffer is not None]
        assert estimate == sum(buffer.nbytes for buffer in kept) / MB

    def test_the_total_holds_model_input_gradients_and_more(self, profiler):
        model, x = Linear(100, 50), Tensor(np.ones((1000, 100)))
        found = profiler.profile_backward_pass(model, x)
        held = sum(array.nbytes for array in held_arrays(model)) + x.data.nbytes
        assert found["total_memory_mb"] * MB >= held + 4 * 1000 * 50 + 4 * 5050
        assert 0 <= found["memory_efficiency"] <= 1

    def test_what_cannot_be_trained_has_no_backward_pass_and_the_reason_is_given(self, profiler):
        model = double("Model", forward=lambda self, x: Tensor(x.data * 2))
        found = profiler.profile_backward_pass(model, Tensor(np.ones((2, 2))))
        assert (found["backward_latency_ms"], found["total_memory_mb"]) == (None, None)
        assert "a graph" in found["reason"]


class TestWeights:
    """Of their magnitudes."""

    def test_known_weights(self):
        model = double("Linear", weight=Tensor([-4.0, 0.0, 0.05, 0.005, 1.0]), bias=None)
        found = analyze_weight_distribution(model, percentiles=[50])
        magnitudes = np.abs(np.float32([-4.0, 0.0, 0.05, 0.005, 1.0])).astype(float)
        assert found == {
            "total_weights": 5,
            "mean": magnitudes.mean(),
            "std": magnitudes.std(),
            "min": 0.0,
            "max": 4.0,
            "percentile_50": np.float32(0.05),
            "below_threshold_0001": 20.0,
            "below_threshold_001": 40.0,
            "below_threshold_01": 60.0,
        }

    def test_the_usual_percentiles(self):
        found = analyze_weight_distribution(LeNet())
        assert [name for name in found if name.startswith("percentile")] == [
            f"percentile_{percent}" for percent in (10, 25, 50, 75, 90)
        ]

    def test_no_weights_are_an_error_that_is_returned(self):
        assert list(analyze_weight_distribution(ReLU())) == ["error"]

    def test_nan_is_refused(self):
        with pytest.raises(RangeError, match="the weights must be finite"):
            analyze_weight_distribution(double("Linear", weight=Tensor([np.nan])))

    @pytest.mark.parametrize("percent", [-1, 101, float("nan")])
    def test_percentiles_are_in_0_to_100(self, percent):
        with pytest.raises(RangeError, match=r"a percentile must be in \[0, 100\]"):
            analyze_weight_distribution(Linear(2, 2), [percent])
