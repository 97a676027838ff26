"""Eight-bit weights: int8 where it is said to be, close to the floats, smaller by bytes counted."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor
from tinytorch.datasets import load_digits
from tinytorch.errors import DTypeError, RangeError, ShapeError, StateError
from tinytorch.perf import compile, quantization
from tinytorch.perf.graph import trace
from tinytorch.perf.kernels import VARIABLE, forms, int8
from tinytorch.perf.quantization import (
    QuantizedLinear,
    Quantizer,
    compare_model_sizes,
    dequantize_int8,
    quantize,
    quantize_int8,
    quantize_model,
)

RNG = np.random.default_rng(0)


@pytest.fixture(params=[forms.possible_forms()[0], "numpy"] if forms.has_numba() else ["numpy"])
def form(request, monkeypatch):
    """Give the best form of the kernels here, and the NumPy twins."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def tensor(*shape):
    """Give normal numbers."""
    return Tensor(RNG.normal(size=shape))


def network():
    """Build a network of three linear layers, one of them without a bias."""
    model = Sequential(Linear(32, 48), ReLU(), Dropout(0.3), Linear(48, 24, bias=False), GELU(), Linear(24, 5))
    for layer in (model.layers[0], model.layers[5]):
        layer.bias.data[...] = RNG.normal(size=layer.bias.shape)
    return model


def close(found, expected, share):
    """Say whether results differ by a share of the largest one at most."""
    return np.abs(found.data - expected.data).max() <= share * np.abs(expected.data).max()


# ---- whole tensors


@pytest.mark.parametrize("low", [-3.0, 0.0, 2.0, -10.0])
def test_quantized_values_are_int8_and_come_back_within_half_a_step(low):
    """A range that does not hold 0 is widened to it."""
    x = Tensor(np.linspace(low, low + 5, 101))
    q, scale, zero_point = quantize_int8(x)
    assert (q.dtype, q.data.nbytes, type(scale), type(zero_point)) == (np.int8, 101, float, int)
    assert -128 <= zero_point <= 127
    back = dequantize_int8(q, scale, zero_point)
    assert back.dtype == np.float32
    assert np.abs(back.data - x.data).max() <= scale * 0.51


def test_a_range_without_0_is_not_destroyed():
    """[10, 12, 15, 20] has steps of 20 / 255."""
    back = dequantize_int8(*quantize_int8(Tensor([10.0, 12.0, 15.0, 20.0])))
    assert back.data == pytest.approx([10, 12, 15, 20], abs=20 / 255 / 2 * 1.01)


@pytest.mark.parametrize("value", [2.0, 0.0, -7.0, 200.0])
def test_a_whole_constant_has_the_scale_1_and_comes_back(value):
    """Exactly."""
    q, scale, zero_point = quantize_int8(Tensor([value, value]))
    assert scale == 1.0
    assert dequantize_int8(q, scale, zero_point).tolist() == [value, value]


@pytest.mark.parametrize("value", [0.3, -1234.5, 1e-20])
def test_any_other_constant_comes_back_too(value):
    """By a scale of its own."""
    back = dequantize_int8(*quantize_int8(Tensor([value, value])))
    assert back.data == pytest.approx([value, value], rel=1e-6)


def test_zero_is_exact_in_every_range():
    """So that padding and ReLU stay what they are."""
    back = dequantize_int8(*quantize_int8(Tensor([-1.0, 0.0, 3.7])))
    assert back.data[1] == 0


def test_an_empty_tensor_is_quantized():
    """To nothing."""
    q, scale, _ = quantize_int8(Tensor(np.zeros((0, 3))))
    assert (q.shape, scale > 0) == ((0, 3), True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    """It would take the whole range."""
    with pytest.raises(RangeError, match="an element must be finite"):
        quantize_int8(Tensor([1.0, bad]))
    layer = Linear(2, 2)
    layer.weight.data[0, 0] = bad
    with pytest.raises(RangeError, match=r"the weights of Linear\(2, 2\) must be finite"):
        QuantizedLinear(layer)


# ---- a layer


@pytest.mark.parametrize("shape", [(7, 64), (64,), (2, 3, 64), (0, 64)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_gives_nearly_what_it_gave(shape, bias, form):
    """Within two percent of the largest output, for any leading axes."""
    layer, x = Linear(64, 33, bias=bias), tensor(*shape)
    found, expected = QuantizedLinear(layer)(x), layer(x)
    assert (found.shape, found.dtype, found.requires_grad) == (expected.shape, np.float32, False)
    assert found.size == 0 or close(found, expected, 0.02)


def test_weights_are_bytes_and_the_original_is_not_kept():
    """A quarter of the bytes, and what is over: scales, and padding to whole vectors."""
    linear = Linear(256, 128)
    layer = QuantizedLinear(linear)
    assert (layer.q_weight.dtype, layer.q_weight.shape) == (np.int8, (256, 128))
    assert layer.packed.values.nbytes == 256 * 128
    assert not any(value is linear for value in vars(layer).values())
    usage = layer.memory_usage()
    assert usage["original_bytes"] == 4 * (256 * 128 + 128)
    assert usage["quantized_bytes"] == 256 * 128 + 4 * 128 + 4 * 128 + 16
    assert usage["compression_ratio"] == pytest.approx(3.892, abs=0.001)


def test_each_output_has_a_scale_of_its_own():
    """A small column beside a large one keeps its precision."""
    layer = Linear(64, 2, bias=False)
    layer.weight.data = RNG.normal(size=(64, 2)).astype(np.float32) * np.float32([1000, 0.001])
    x = tensor(4, 64)
    found, expected = QuantizedLinear(layer)(x).data, layer(x).data
    for column in range(2):
        assert np.abs(found - expected)[:, column].max() < 0.1 * np.abs(expected[:, column]).max()


def test_the_contract_of_names():
    """As code that knows them expects: scales are floats, zero points whole numbers, no bias means None."""
    with_bias, without = QuantizedLinear(Linear(4, 3)), QuantizedLinear(Linear(4, 3, bias=False))
    assert (with_bias.weight_zero_point, with_bias.bias_zero_point, with_bias.input_zero_point) == (0, 0, 0)
    assert (without.q_bias, without.bias_scale, without.bias_zero_point) == (None, None, None)
    assert with_bias.weight_scale.shape == (3,)
    assert [p.dtype for p in with_bias.parameters()] == [np.int8, np.int32]
    assert len(without.parameters()) == 1
    assert with_bias.input_scale is None
    assert repr(without) == "QuantizedLinear(4, 3, bias=False)"


def test_the_original_layer_can_be_made_again():
    """From the bytes, without touching the global random state."""
    linear = Linear(16, 8)
    linear.bias.data[...] = RNG.normal(size=8)
    layer = QuantizedLinear(linear)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = layer.original_layer
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert again.weight.data == pytest.approx(linear.weight.data, abs=float(layer.weight_scale.max()) / 1.9)
    assert again.bias.data == pytest.approx(linear.bias.data, rel=1e-6)
    assert again(tensor(2, 16)).requires_grad


def test_a_bias_is_kept_to_float_precision():
    """As int32 with one scale."""
    linear = Linear(2, 3)
    linear.weight.data[...] = 0
    linear.bias.data[...] = [1e-3, -5.0, 0.25]
    assert QuantizedLinear(linear)(tensor(1, 2)).data[0] == pytest.approx([1e-3, -5.0, 0.25], rel=1e-6)


def test_what_is_no_linear_layer_is_refused():
    """And so is an input of other features."""
    with pytest.raises(DTypeError, match="what is quantized must be a Linear layer; got ReLU"):
        QuantizedLinear(ReLU())
    with pytest.raises(ShapeError, match=r"the input of QuantizedLinear\(4, 3\) must be of shape \(\.\.\., 4\)"):
        QuantizedLinear(Linear(4, 3))(tensor(2, 5))


def test_calibration_fixes_the_scale_and_is_used(form):
    """Beyond what was seen, activations are clipped."""
    linear = Linear(1, 1, bias=False)
    linear.weight.data[...] = 1
    layer = QuantizedLinear(linear)
    layer.calibrate([Tensor([[1.0]]), Tensor([[-2.0]])])
    assert layer.input_scale == pytest.approx(2 / 127)
    assert layer(Tensor([[100.0], [-100.0], [1.0]])).data[:, 0] == pytest.approx([2, -2, 1], abs=0.01)


@pytest.mark.parametrize("inputs", [[], [Tensor([0.0])], [Tensor([np.nan])], [Tensor([1.0]), Tensor([np.inf])]])
def test_calibration_on_nothing_is_refused(inputs):
    """A scale of 0 or NaN would make every output so."""
    with pytest.raises(RangeError, match="the largest calibration input must be finite and above 0"):
        QuantizedLinear(Linear(1, 1)).calibrate(inputs)


@pytest.mark.skipif(not forms.has_numba(), reason="the twins need none")
def test_scratch_memory_is_used_again():
    """By the calls that follow."""
    layer, x = QuantizedLinear(Linear(8, 4)), tensor(3, 8)
    layer(x)
    (kept,) = layer.scratches
    layer(x)
    assert layer.scratches == [kept]
    layer(tensor(50, 8))
    assert len(layer.scratches) == 1


# ---- a model


def test_a_quantized_copy_leaves_the_model_alone(form):
    """Every linear layer is one of bytes, the others are as they were."""
    model, x = network(), tensor(16, 32)
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    smaller = quantize(model)
    assert [type(layer).__name__ for layer in smaller] == [
        "QuantizedLinear",
        "ReLU",
        "Dropout",
        "QuantizedLinear",
        "GELU",
        "QuantizedLinear",
    ]
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before
    assert close(smaller.eval()(x), model.eval()(x), 0.05)


class Nested(Layer):
    """Linear layers in a dictionary, a tuple, an attribute, and one of them twice."""

    def __init__(self):
        self.first = Linear(4, 4)
        self.more = {"again": self.first, "pair": (Linear(4, 4), ReLU())}

    def forward(self, x):
        """Use them all."""
        return self.more["pair"][1](self.more["pair"][0](self.more["again"](self.first(x))))


def test_layers_are_found_wherever_they_stand():
    """A layer used twice stays one layer."""
    smaller = quantize(Nested())
    assert isinstance(smaller.first, QuantizedLinear)
    assert smaller.more["again"] is smaller.first
    assert isinstance(smaller.more["pair"][0], QuantizedLinear)
    assert isinstance(quantize(Linear(2, 2)), QuantizedLinear)


class Duck:
    """A model of no base class."""

    def __init__(self):
        self.layers = [Linear(4, 8), ReLU(), Linear(8, 2)]

    def forward(self, x):
        """One after the other."""
        for layer in self.layers:
            x = layer.forward(x)
        return x


def test_a_duck_is_quantized():
    """What holds layers is enough."""
    model = Duck()
    smaller = quantize(model)
    assert isinstance(smaller.layers[0], QuantizedLinear)
    assert isinstance(model.layers[0], Linear)
    with pytest.raises(DTypeError, match="one that holds a Linear layer, a Conv2d or an Embedding; got ReLU"):
        quantize(ReLU())


def test_attention_is_quantized():
    """All of its projections."""
    attention = quantize(MultiHeadAttention(16, 4).eval())
    names = ("q_proj", "k_proj", "v_proj", "out_proj")
    assert all(isinstance(getattr(attention, name), QuantizedLinear) for name in names)


def test_calibrated_models_have_fixed_scales(form):
    """From what each layer sees; a batch that is beyond it is clipped, not refused."""
    model, x = network().eval(), tensor(64, 32)
    smaller = quantize(model, [x])
    scales = [layer.input_scale for layer in smaller if isinstance(layer, QuantizedLinear)]
    assert scales[0] == pytest.approx(float(np.abs(x.data).max()) / 127)
    assert all(scale is not None for scale in scales)
    assert close(smaller(x), model(x), 0.06)
    assert all(layer.largest_input is None for layer in smaller if isinstance(layer, QuantizedLinear))


def test_quantizing_in_place_replaces_the_layers():
    """And returns nothing; a bare layer and an unknown object are refused."""
    model, x = Duck(), tensor(5, 4)
    expected = model.forward(x)
    assert quantize_model(model) is None
    assert [type(layer).__name__ for layer in model.layers] == ["QuantizedLinear", "ReLU", "QuantizedLinear"]
    assert close(model.forward(x), expected, 0.05)
    for wrong in (Linear(2, 2), object()):
        with pytest.raises(ValueError, match="one with a list of layers"):
            quantize_model(wrong)


def test_quantizing_in_place_with_data_calibrates():
    """Each layer by what reaches it."""
    model = Duck()
    quantize_model(model, [tensor(9, 4)])
    assert all(layer.input_scale for layer in model.layers if isinstance(layer, QuantizedLinear))


def test_sizes_are_counted_in_bytes():
    """Of the arrays that are there, not by a formula."""
    model = network()
    sizes = compare_model_sizes(model, quantize(model))
    weights, biases = 32 * 48 + 48 * 24 + 24 * 5, 48 + 5
    assert sizes["original_params"] == sizes["quantized_params"] == weights + biases
    assert sizes["original_bytes"] == 4 * (weights + biases)
    assert sizes["quantized_bytes"] == weights + 4 * biases + 4 * (48 + 24 + 5) + 3 * 16
    assert sizes["compression_ratio"] == sizes["original_bytes"] / sizes["quantized_bytes"]
    assert sizes["memory_saved_percent"] == pytest.approx(100 - 100 / sizes["compression_ratio"])
    assert sizes["memory_saved_mb"] * 2**20 == sizes["original_bytes"] - sizes["quantized_bytes"]
    with pytest.raises(RangeError, match="one that holds arrays"):
        compare_model_sizes(ReLU(), ReLU())


def test_state_is_int8_in_the_file_and_comes_back(tmp_path, form):
    """Whatever the order in memory of the machine that wrote it."""
    model, other, x = quantize(network()).eval(), quantize(network()).eval(), tensor(3, 32)
    model.save(tmp_path / "weights")
    kinds = {name: array.dtype for name, array in model.state_dict().items()}
    assert kinds["layers.0.q_weight"] == np.int8
    assert (tmp_path / "weights").stat().st_size < 0.5 * 4 * (32 * 48 + 48 * 24 + 24 * 5)
    assert not np.array_equal(other(x).data, model(x).data)
    other.load(tmp_path / "weights")
    assert np.array_equal(other(x).data, model(x).data)


def test_a_calibrated_scale_is_loaded_too():
    """And its absence."""
    one, other = quantize(Linear(4, 2)), quantize(Linear(4, 2))
    one.calibrate([tensor(3, 4)])
    other.load_state_dict(one.state_dict())
    assert other.input_scale == one.input_scale
    other.load_state_dict(quantize(Linear(4, 2)).state_dict())
    assert other.input_scale is None


def test_state_made_for_one_form_is_read_by_another(monkeypatch):
    """A file of one machine works on the next."""
    states, x = {}, tensor(5, 20)
    layer = Linear(20, 7)
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        states[name] = quantize(layer).state_dict()
    for name in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, name)
        for state in states.values():
            other = quantize(Linear(20, 7))
            other.load_state_dict(state)
            assert other(x).data == pytest.approx(quantize(layer)(x).data, rel=1e-6, abs=1e-6)


def test_a_quantized_model_can_be_copied_and_sent(monkeypatch):
    """To a machine that runs another form too: the weights are packed again where they arrive."""
    model, x = quantize(network(), [tensor(9, 32)]).eval(), tensor(3, 32)
    expected = model(x).data
    sent = pickle.dumps(model)
    assert np.array_equal(copy.deepcopy(model)(x).data, expected)
    monkeypatch.setenv(VARIABLE, "numpy")
    arrived = pickle.loads(sent)  # noqa: S301  our own bytes
    assert arrived.layers[0].packed.form == "numpy"
    assert arrived(x).data == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_weights_packed_for_another_machine_are_refused(monkeypatch):
    """Instead of running an instruction that is not there."""
    layer = QuantizedLinear(Linear(3, 2))
    packed = dataclasses.replace(layer.packed, form="vnni")
    monkeypatch.setattr(forms, "possible_forms", lambda: ("plain", "numpy"))
    int8._kernel.cache_clear()
    with pytest.raises(StateError, match="packed weights must be for plain, numpy; got weights packed for vnni"):
        packed.run(np.ones((1, 3), np.float32), np.empty((1, 2), np.float32))


def test_the_measurer_of_sizes_sees_the_bytes():
    """As `compare_model_sizes` does."""
    smaller = quantize(network())
    assert stored_bytes(smaller) == compare_model_sizes(network(), smaller)["quantized_bytes"]


def test_a_compiled_model_of_bytes_is_fused(form):
    """A layer and its activation are one task, and give what the layers give one by one."""
    smaller = quantize(network()).eval()
    for shape in ((6, 32), (2, 3, 32)):
        x = tensor(*shape)
        compiled = compile(smaller, x)
        for _ in range(2):
            assert compiled(x).data == pytest.approx(smaller(x).data, rel=1e-4, abs=1e-4)
    if form != "numpy":
        assert [task.name for task in compiled.plan().tasks] == [
            "int8_linear+relu",
            "int8_linear+gelu",
            "int8_linear",
        ]
        assert compiled.plan().allocating == ()


def test_a_calibrated_model_compiles_with_its_scales(form):
    """The fixed scale clips in the plan too."""
    layer = quantize(Linear(3, 2))
    layer.calibrate([Tensor([[1.0, -1.0, 0.5]])])
    x = Tensor([[30.0, -30.0, 0.25]])
    assert compile(layer, x)(x).data == pytest.approx(layer(x).data, rel=1e-6, abs=1e-6)


def test_a_quantized_layer_is_a_step_of_the_graph():
    """It can be traced, printed and run again."""
    layer, x = QuantizedLinear(Linear(4, 3)), tensor(2, 4)
    graph = trace(layer, x)
    assert [step.op for step in graph.steps] == ["int8_linear"]
    assert np.array_equal(graph.run(x.data)[0], layer(x).data)
    assert "QuantizedLinear(4, 3)" in str(graph)


def test_digits_are_classified_as_well_as_before():
    """A trained network keeps its accuracy within half a percent."""
    from tinytorch.core.losses import CrossEntropyLoss
    from tinytorch.core.optimizers import Adam
    from tinytorch.core.training import manual_seed

    manual_seed(0)
    data = load_digits()
    model = Sequential(Linear(64, 64), ReLU(), Linear(64, 10))
    optimizer, loss_fn = Adam(model.parameters(), lr=0.03), CrossEntropyLoss()
    x, y = Tensor(data.train_images), Tensor(data.train_labels, dtype="int64")
    for _ in range(25):
        loss_fn(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    accuracy = lambda m: float((m(Tensor(data.test_images)).data.argmax(1) == data.test_labels).mean())
    before = accuracy(model)
    assert before > 0.9
    for smaller in (quantize(model), quantize(model, [x])):
        assert accuracy(smaller) >= before - 0.005


def test_the_static_doors_are_the_same_functions():
    """`Quantizer` names them otherwise, and leaves the model alone."""
    model = network()
    found = Quantizer.quantize_model(model)
    assert len(found["quantized_layers"]) == 3
    assert found["compression_ratio"] == pytest.approx(found["original_size_mb"] / found["quantized_size_mb"])
    assert isinstance(model.layers[0], Linear)
    assert Quantizer.compare_models(model, quantize(model)) == compare_model_sizes(model, quantize(model))
    x = tensor(5)
    q, scale, zero_point = Quantizer.quantize_tensor(x)
    assert np.array_equal(
        Quantizer.dequantize_tensor(q, scale, zero_point).data, dequantize_int8(q, scale, zero_point).data
    )


def test_constants():
    """Those of the contract."""
    names = (
        "INT8_MIN_VALUE",
        "INT8_MAX_VALUE",
        "INT8_RANGE",
        "EPSILON",
        "BYTES_PER_FLOAT32",
        "BYTES_PER_INT8",
        "MB_TO_BYTES",
    )
    assert [getattr(quantization, name) for name in names] == [-128, 127, 256, 1e-8, 4, 1, 2**20]
