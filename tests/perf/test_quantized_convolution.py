"""Convolutions on bytes: as layers, in models with batch normalization, compiled and in files."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.core.spatial import AvgPool2d, BatchNorm2d, Conv2d, Flatten, LeNet, MaxPool2d, SimpleCNN
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.errors import DTypeError, RangeError, ShapeError
from tinytorch.perf import compile, quantize
from tinytorch.perf.costs import Cost, step_cost
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.quantization import QuantizedConv2d, compare_model_sizes, fold_normalization

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_weights():
    """Draw the same weights whatever ran before."""
    manual_seed(0)


@pytest.fixture(params=[forms.possible_forms()[0], "numpy"] if forms.has_numba() else ["numpy"])
def form(request, monkeypatch):
    """Give the best form of the kernels here, and the NumPy twins."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def tensor(*shape):
    """Give normal numbers."""
    return Tensor(RNG.normal(size=shape))


def normalized(conv):
    """Give a batch normalization that has seen something."""
    norm = BatchNorm2d(conv.out_channels)
    norm.gamma.data[...] = RNG.normal(size=norm.gamma.shape)  # of both signs
    norm.beta.data[...] = RNG.normal(size=norm.beta.shape)
    norm.running_mean[...] = RNG.normal(size=norm.running_mean.shape)
    norm.running_var[...] = RNG.uniform(0.5, 2, norm.running_var.shape)
    return [conv, norm]


def network():
    """Build a network of convolutions with and without a bias, with and without normalization."""
    return Sequential(
        *normalized(Conv2d(2, 6, 3, padding=1)),
        *(ReLU(), MaxPool2d(2)),
        *normalized(Conv2d(6, 9, 3, bias=False)),
        *(GELU(), Conv2d(9, 4, 1, stride=2), Flatten(), Linear(4 * 3 * 3, 5)),
    ).eval()


def close(found, expected, share):
    """Say whether results differ by a share of the largest one at most."""
    return np.abs(found.data - expected.data).max() <= share * np.abs(expected.data).max()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_a_layer_gives_nearly_what_it_gave(bias, stride, padding, form):
    """Within three percent of the largest output."""
    layer, x = Conv2d(3, 8, 3, stride=stride, padding=padding, bias=bias), tensor(4, 3, 12, 15)
    found, expected = QuantizedConv2d(layer)(x), layer(x)
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, np.float32, False)
    assert close(found, expected, 0.03)


def test_an_empty_batch_gives_an_empty_batch(form):
    """Of the right shape."""
    assert QuantizedConv2d(Conv2d(1, 2, 3))(Tensor(np.zeros((0, 1, 5, 5)))).shape == (0, 2, 3, 3)


def test_weights_are_bytes():
    """As stored: a byte a weight, eight for scale and bias of a kernel, eight for the scale of activations."""
    layer = QuantizedConv2d(Conv2d(16, 32, 3))
    assert (layer.q_weight.dtype, layer.q_weight.shape) == (np.int8, (32, 16, 3, 3))
    assert layer.stored_bytes() == 32 * 16 * 9 + 8 * 32 + 8
    assert layer.weight_count() == 32 * 16 * 9 + 32
    assert layer.parameters() == []
    assert repr(layer) == "QuantizedConv2d(16, 32, 3, stride=1, padding=0)"
    assert repr(QuantizedConv2d(Conv2d(1, 1, (2, 3), bias=False))) == (
        "QuantizedConv2d(1, 1, (2, 3), stride=1, padding=0, bias=False)"
    )


def test_each_kernel_has_a_scale_of_its_own():
    """A small kernel beside a large one keeps its precision."""
    layer, x = Conv2d(2, 2, 3, bias=False), tensor(2, 2, 9, 9)
    layer.weight.data *= np.float32([1000, 0.001])[:, None, None, None]
    found, expected = QuantizedConv2d(layer)(x).data, layer(x).data
    for channel in range(2):
        assert np.abs(found - expected)[:, channel].max() < 0.05 * np.abs(expected[:, channel]).max()


def test_what_is_no_convolution_is_refused():
    """And so are weights without a scale, and an input of other channels."""
    with pytest.raises(DTypeError, match="what is quantized must be a Conv2d layer; got ReLU"):
        QuantizedConv2d(ReLU())
    with pytest.raises(ShapeError, match=r"of shape \(N, 3, H, W\)"):
        QuantizedConv2d(Conv2d(3, 4, 3))(tensor(1, 2, 5, 5))
    layer = Conv2d(1, 1, 1)
    layer.weight.data[...] = np.inf
    with pytest.raises(RangeError, match="the weights of Conv2d"):
        QuantizedConv2d(layer)


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_network_is_quantized_after_its_normalization_is_folded(calibrated, form):
    """No normalization is left, and results are close to the floats'."""
    model, x = network(), tensor(8, 2, 14, 14)
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    smaller = quantize(model, [x] if calibrated else None)
    kinds = [type(layer).__name__ for layer in smaller]
    assert kinds.count("QuantizedConv2d") == 3
    assert "BatchNorm2d" not in kinds
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before
    assert close(smaller(x), model(x), 0.08)
    assert compile(smaller, x)(x).data == pytest.approx(smaller(x).data, rel=1e-4, abs=1e-4)


def test_folding_needs_a_convolution_right_before():
    """Behind a pooling, or alone, a normalization stays."""
    model = Sequential(BatchNorm2d(2), Conv2d(2, 3, 1), AvgPool2d(2), BatchNorm2d(3))
    fold_normalization(model)
    assert len(model) == 4


def test_a_convolution_that_stands_twice_is_folded_once():
    """The other place keeps what it had."""
    conv, norm = normalized(Conv2d(2, 2, 1))
    model, x = Sequential(Sequential(conv, norm), Sequential(conv)).eval(), tensor(1, 2, 3, 3)
    expected = model(x).data
    fold_normalization(model)
    assert model(x).data == pytest.approx(expected, rel=1e-5, abs=1e-5)


class ByHand(Layer):
    """A normalization that only the graph knows to follow a convolution."""

    def __init__(self):
        self.norm, self.conv = BatchNorm2d(5), Conv2d(2, 5, 3)
        self.conv, self.norm = normalized(self.conv)

    def forward(self, x):
        """One after the other."""
        return self.norm(self.conv(x))


def test_the_plan_folds_what_only_the_graph_shows(form):
    """Into the scales, to the same bytes as before quantizing; a negative factor turns the signs."""
    model, x = ByHand().eval(), tensor(3, 2, 8, 8)
    smaller = quantize(model)
    plan = compile(smaller, x)
    assert [task.name for task in plan.plan().tasks] == ["int8_conv2d"]
    assert plan(x).data == pytest.approx(smaller(x).data, rel=1e-4, abs=1e-4)
    folded = Sequential(model.conv, model.norm)
    fold_normalization(folded)
    assert plan(x).data == pytest.approx(quantize(folded)(x).data, rel=1e-4, abs=1e-4)


def test_a_compiled_network_is_fused(form):
    """Convolution, activation and pooling are one task; other poolings stay steps of their own."""
    if form == "numpy":
        pytest.skip("the twins are not fused")
    pool = lambda pooling: Sequential(Conv2d(1, 4, 3, padding=1), ReLU(), pooling).eval()
    fused = {
        "int8_conv2d+relu+max_pool2d": [MaxPool2d(2), MaxPool2d(3)],
        "int8_conv2d+relu": [MaxPool2d(3, stride=2), MaxPool2d(2, padding=1), AvgPool2d(2), MaxPool2d((1, 2))],
    }
    for name, poolings in fused.items():
        for pooling in poolings:
            smaller, x = quantize(pool(pooling)), tensor(2, 1, 13, 13)
            compiled = compile(smaller, x)
            assert compiled.plan().tasks[0].name == name
            assert compiled.plan().allocating == (("max_pool2d",) if pooling.padding else ())
            for _ in range(2):
                assert compiled(x).data == pytest.approx(smaller(x).data, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("make", [LeNet, SimpleCNN], ids=["LeNet", "SimpleCNN"])
def test_the_classic_networks_are_quantized(make, form):
    """Close to the floats, and nearly a quarter of their bytes."""
    model = make().eval()
    x = tensor(2, 1, 28, 28) if make is LeNet else tensor(2, 3, 32, 32)
    smaller = quantize(model, [x])
    assert close(smaller(x), model(x), 0.08)
    assert compile(smaller, x)(x).data == pytest.approx(smaller(x).data, rel=1e-3, abs=1e-3)
    sizes = compare_model_sizes(model, smaller)
    assert sizes["compression_ratio"] > (3.89 if make is LeNet else 3.7)
    assert sizes["original_params"] == sizes["quantized_params"]
    assert stored_bytes(smaller) == sizes["quantized_bytes"]


def test_state_is_int8_in_the_file_and_comes_back(tmp_path, form):
    """With the calibrated scale."""
    x = tensor(2, 2, 14, 14)
    model, other = quantize(network(), [x]), quantize(network())
    model.save(tmp_path / "weights")
    assert model.state_dict()["layers.0.q_weight"].dtype == np.int8
    assert not np.array_equal(other(x).data, model(x).data)
    other.load(tmp_path / "weights")
    assert np.array_equal(other(x).data, model(x).data)
    assert other[0].input_scale == model[0].input_scale


def test_a_quantized_convolution_can_be_copied_and_sent(monkeypatch):
    """To a machine that runs another form too."""
    model, x = quantize(network(), [tensor(2, 2, 14, 14)]), tensor(1, 2, 14, 14)
    expected, sent = model(x).data, pickle.dumps(model)
    assert np.array_equal(copy.deepcopy(model)(x).data, expected)
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        arrived = pickle.loads(sent)  # noqa: S301  our own bytes
        assert arrived(x).data == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.skipif(not forms.has_numba(), reason="the twins need none")
def test_scratch_memory_is_used_again():
    """By calls on images of the same size."""
    layer, x = QuantizedConv2d(Conv2d(1, 2, 3)), tensor(2, 1, 6, 6)
    layer(x)
    (kept,) = layer.scratches
    layer(x)
    assert layer.scratches == [kept]
    layer(tensor(2, 1, 7, 6))
    assert layer.scratches != [kept]


def test_a_convolution_of_bytes_reads_bytes():
    """The arithmetic of a convolution; a byte a weight, and eight of scale and bias a kernel."""
    (step,) = trace(QuantizedConv2d(Conv2d(2, 3, 3)), np.ones((1, 2, 5, 5))).steps
    assert step_cost(step) == Cost(2 * 27 * 18, 4 * 50 + 3 * 18 + 8 * 3, 4 * 27)
