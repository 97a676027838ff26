"""What the base of layers promises, and what is special about each layer."""

import numpy as np
import pytest

from tinytorch.core.layers import Dropout, Layer, Linear, Module, Sequential, layers_of
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, RangeError, ShapeError, StateError


class Tree(Layer):
    """Holds layers and tensors in all the ways a model may; calls no `super().__init__`."""

    def __init__(self):
        shared = Linear(2, 2, bias=False)
        self.first = shared
        self.blocks = [Linear(2, 3), {"deep": (Linear(3, 1, bias=False), shared)}]
        self.frozen = Tensor([1.0, 2.0])
        self.scale = Tensor(3.0, requires_grad=True)
        self.running_mean = np.zeros(2, dtype=np.float32)
        self._cache = np.zeros(9)
        self.name = "tree"


def filled(layer, value):
    """Set every piece of state to one value."""
    layer.load_state_dict({name: np.full(array.shape, value) for name, array in layer.state_dict().items()})
    return layer


def values(layer):
    """Give all state as lists, to compare at one glance."""
    return {name: array.tolist() for name, array in layer.state_dict().items()}


class TestTheBase:
    """`Layer`, and `Module`, its other name."""

    def test_forward_must_be_defined(self):
        """And the error names the class that lacks it."""
        with pytest.raises(NotImplementedError, match="Layer must define forward"):
            Layer().forward(1)

    def test_the_base_has_no_parameters_and_a_plain_repr(self):
        """It can be made and asked."""
        assert (Layer().parameters(), repr(Layer()), Module) == ([], "Layer()", Layer)

    def test_parameters_are_found_in_attributes_lists_tuples_and_dictionaries(self):
        """In the order of the attributes; a shared one under its first name; a frozen one not at all."""
        names = [name for name, _ in Tree().named_parameters()]
        assert names == ["first.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.deep.0.weight", "scale"]

    def test_state_also_has_frozen_tensors_public_arrays_and_both_names_of_a_shared_one(self):
        """All that must be saved; a private array is scratch."""
        extra = Tree().state_dict().keys() - dict(Tree().named_parameters()).keys()
        assert extra == {"frozen", "running_mean", "blocks.1.deep.1.weight"}

    def test_freezing_a_parameter_takes_it_out_of_the_list(self):
        """`requires_grad` decides at the time of asking."""
        layer = Linear(2, 2)
        layer.weight.requires_grad = False
        assert (layer.parameters(), list(layer.state_dict())) == ([layer.bias], ["weight", "bias"])

    def test_layers_are_listed_once_each(self):
        """A shared layer is one layer."""
        assert [type(layer) for layer in layers_of(Tree())] == [Tree, Linear, Linear, Linear]

    def test_layers_are_found_in_a_model_that_is_none(self):
        """Models are duck-typed."""

        class Duck:
            def __init__(self):
                self.parts = {"drop": Dropout()}

        assert [repr(layer) for layer in layers_of(Duck())] == ["Dropout(p=0.5)"]

    def test_zero_grad_forgets_all_gradients(self):
        """Of every parameter below."""
        layer = Sequential(Linear(2, 2), Linear(2, 1))
        layer(Tensor([[1.0, 2.0]])).sum().backward()
        layer.zero_grad()
        assert [parameter.grad for parameter in layer.parameters()] == [None] * 4

    def test_astype_converts_frozen_tensors_too(self):
        """One call gives a model in float64."""
        tree = Tree().astype("float64")
        assert {str(tensor.dtype) for tensor in [*tree.parameters(), tree.frozen]} == {"float64"}

    def test_the_repr_shows_the_layers_in_attributes(self):
        """A model can be read off."""

        class Net(Layer):
            def __init__(self):
                self.fc = Linear(2, 1)

        assert repr(Net()) == "Net(fc=Linear(2, 1))"


class TestLoadingState:
    """`load_state_dict`, `save` and `load`."""

    def test_values_are_copied_into_the_same_arrays(self):
        """An optimizer or a view that holds them sees the new values; the kind of float stays."""
        layer = Linear(2, 1)
        array = layer.weight.data
        layer.load_state_dict({"weight": [[1], [2]], "bias": Tensor([3.0])})
        assert (layer.weight.data is array, array.tolist(), str(array.dtype)) == (True, [[1.0], [2.0]], "float32")

    def test_arrays_are_loaded_in_place_too(self):
        """A running mean is state."""
        assert filled(Tree(), 7).running_mean.tolist() == [7.0, 7.0]

    def test_all_missing_and_unknown_names_are_listed_and_nothing_is_loaded(self):
        """Strict is the default; the remedy is named."""
        layer = filled(Sequential(Linear(1, 1), Linear(1, 1)), 1)
        before = values(layer)
        state = {"layers.0.weight": np.zeros((1, 1)), "a": np.zeros(1), "layers.1.bias": np.zeros(1), "b": np.zeros(1)}
        with pytest.raises(StateError) as caught:
            layer.load_state_dict(state)
        expected = "missing ['layers.0.bias', 'layers.1.weight'], unknown ['a', 'b']"
        assert (expected in str(caught.value), "strict=False" in str(caught.value)) == (True, True)
        assert values(layer) == before

    def test_what_matches_is_loaded_when_not_strict(self):
        """The rest is passed over."""
        layer = filled(Linear(1, 1), 1)
        layer.load_state_dict({"weight": [[5.0]], "other": [1.0]}, strict=False)
        assert values(layer) == {"weight": [[5.0]], "bias": [1.0]}

    @pytest.mark.parametrize("strict", [True, False])
    def test_all_wrong_shapes_are_listed_and_nothing_is_loaded(self, strict):
        """Broadcasting a (1,) bias into (3,) would be no error to NumPy."""
        layer = filled(Sequential(Linear(2, 3), Linear(3, 1)), 1)
        before, state = values(layer), layer.state_dict() | {"layers.0.weight": np.zeros((2, 3))}
        state |= {"layers.0.bias": np.zeros(1), "layers.1.weight": np.zeros((1, 3))}
        with pytest.raises(
            ShapeError, match=r"layers.0.bias: \(1,\) for \(3,\); layers.1.weight: \(1, 3\) for \(3, 1\)"
        ):
            layer.load_state_dict(state, strict=strict)
        assert values(layer) == before

    def test_what_is_no_number_is_refused_before_anything_is_loaded(self):
        """Nothing is half-loaded."""
        layer = filled(Linear(1, 1), 1)
        with pytest.raises(ValueError, match="could not convert"):
            layer.load_state_dict({"weight": [[5.0]], "bias": ["text"]})
        assert values(layer) == {"weight": [[1.0]], "bias": [1.0]}

    @pytest.mark.parametrize("arrange", [np.transpose, lambda a: a[::-1], lambda a: a[:, ::-1], np.asfortranarray])
    def test_strided_weights_go_round_a_file(self, arrange, tmp_path):
        """Safetensors writes the memory as it lies; the values must come back, not the memory."""
        layer, other = Linear(3, 3), Linear(3, 3)
        layer.weight.data = arrange(np.arange(9, dtype=np.float32).reshape(3, 3))
        layer.save(tmp_path / "w.safetensors")
        other.load(tmp_path / "w.safetensors")
        assert other.weight.data.tolist() == layer.weight.data.tolist()

    def test_a_scalar_goes_round_a_file_as_a_scalar(self, tmp_path):
        """Shape () stays ()."""
        filled(Tree(), 2).save(tmp_path / "w.safetensors")
        tree = Tree()
        tree.load(tmp_path / "w.safetensors")
        assert (tree.scale.shape, tree.scale.item()) == ((), 2.0)

    @pytest.mark.parametrize("content", [b"", b"no such file format", b"\x08" + bytes(7) + b"{}      ab"])
    def test_a_file_of_another_kind_is_refused_by_name(self, content, tmp_path):
        """With the library's own error, which names the file."""
        path = tmp_path / "w.safetensors"
        path.write_bytes(content)
        with pytest.raises((DataError, StateError)) as caught:
            Linear(1, 1).load(path)
        assert "must be" in str(caught.value)

    def test_a_truncated_or_absent_file_is_refused(self, tmp_path):
        """The path is in the message."""
        path = tmp_path / "w.safetensors"
        with pytest.raises(DataError, match=r"w\.safetensors"):
            Linear(4, 4).load(path)
        Linear(4, 4).save(path)
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(DataError, match=r"w\.safetensors"):
            Linear(4, 4).load(path)

    def test_loading_a_file_passes_strict_on(self, tmp_path):
        """A file of part of the model can be loaded."""
        filled(Linear(2, 1, bias=False), 4).save(tmp_path / "w.safetensors")
        layer = filled(Linear(2, 1), 1)
        layer.load(tmp_path / "w.safetensors", strict=False)
        assert values(layer) == {"weight": [[4.0], [4.0]], "bias": [1.0]}


class TestLinear:
    """`y = x @ weight + bias`."""

    def test_it_computes_the_formula(self):
        """On numbers that can be checked by hand."""
        layer = Linear(2, 2)
        layer.weight.data[...], layer.bias.data[...] = [[1, 2], [3, 4]], [10, 20]
        assert layer(Tensor([[1.0, 1.0]])).tolist() == [[14.0, 26.0]]

    @pytest.mark.parametrize("size", [16, 100, 784])
    def test_weights_have_the_spread_of_lecun(self, size):
        """N(0, 1/in): within half and double of the deviation."""
        np.random.seed(0)  # noqa: NPY002  the state the weights come from
        deviation = Linear(size, 200).weight.data.std() * size**0.5
        assert 0.5 < deviation < 2

    def test_sizes_shapes_and_zeros_are_as_documented(self):
        """The weight is (in, out); the bias starts at zero, or is None."""
        layer = Linear(3, 2)
        assert (layer.in_features, layer.out_features, layer.weight.shape) == (3, 2, (3, 2))
        assert (layer.bias.tolist(), Linear(3, 2, bias=False).bias) == ([0.0, 0.0], None)

    def test_a_seed_repeats_the_weights(self):
        """They come from NumPy's global state."""
        made = []
        for _ in range(2):
            np.random.seed(3)  # noqa: NPY002  the state the weights come from
            made.append(Linear(3, 2).weight.data.tobytes())
        assert made[0] == made[1]

    @pytest.mark.parametrize("lead", [(), (0,), (5,), (2, 3), (2, 0, 3), (1, 2, 1, 2)])
    @pytest.mark.parametrize("bias", [True, False])
    def test_leading_axes_are_kept(self, lead, bias):
        """None, an empty batch, and any number of them."""
        layer = Linear(3, 2, bias)
        x = np.arange(np.prod(lead, dtype=int) * 3.0).reshape(*lead, 3)
        out = layer(Tensor(x))
        assert out.shape == (*lead, 2)
        np.testing.assert_allclose(out.data, x @ layer.weight.data, rtol=1e-4, atol=1e-5)

    def test_an_empty_batch_gives_zero_gradients(self):
        """Of the parameters' shapes."""
        layer = Linear(3, 2)
        layer(Tensor(np.zeros((0, 3)))).sum().backward()
        assert [p.grad.tolist() for p in layer.parameters()] == [np.zeros((3, 2)).tolist(), [0.0, 0.0]]

    def test_weights_may_be_replaced_by_float64_arrays(self):
        """Users' code does; the result is right and gradients arrive."""
        layer = Linear(2, 1)
        layer.weight.data = np.array([[1.0], [2.0]])
        out = layer(Tensor([[3.0, 4.0]]))
        out.backward()
        assert (out.tolist(), layer.weight.grad.tolist()) == ([[11.0]], [[3.0], [4.0]])

    @pytest.mark.parametrize("bias", [True, False])
    @pytest.mark.parametrize("shape", [(4, 2), (2,), (3, 1), ()])
    def test_a_wrong_input_is_refused_with_its_shape(self, shape, bias):
        """And what the layer takes."""
        with pytest.raises(ShapeError) as caught:
            Linear(3, 2, bias)(Tensor(np.zeros(shape)))
        assert ("(..., 3)" in str(caught.value), str(shape) in str(caught.value)) == (True, True)

    @pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 1), (1.5, 1), (True, 1), (float("nan"), 1)])
    def test_a_size_that_is_no_count_is_refused(self, sizes):
        """A layer has at least one input and one output."""
        with pytest.raises(RangeError, match="whole number above 0"):
            Linear(*sizes)


class TestDropout:
    """Zeros in training, nothing at inference."""

    ones = Tensor(np.ones((50, 40)), requires_grad=True)

    def test_it_is_on_by_default_with_one_half(self):
        """The call says training=True unless told otherwise."""
        assert (Dropout().p, set(np.unique(Dropout()(self.ones).data))) == (0.5, {0.0, 2.0})

    @pytest.mark.parametrize("make", [lambda x: Dropout()(x, training=False), Dropout().eval(), Dropout(0.0)])
    def test_switched_off_it_gives_its_input(self, make):
        """By the call, by the mode, or because there is nothing to drop."""
        assert np.array_equal(make(self.ones).data, self.ones.data)

    def test_the_call_goes_before_the_mode(self):
        """A call that says training is training, in a layer set to inference."""
        assert (Dropout(1).eval()(self.ones, training=True).data == 0).all()

    def test_probability_one_drops_all(self):
        """Without dividing by zero; the gradient is zero too."""
        x = Tensor([1.0, 2.0], requires_grad=True)
        out = Dropout(1.0)(x)
        out.sum().backward()
        assert (out.tolist(), x.grad.tolist()) == ([0.0, 0.0], [0.0, 0.0])

    @pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
    def test_survivors_are_scaled_so_that_the_mean_stays(self, p):
        """By 1 / (1 - p), and about p of all are dropped."""
        np.random.seed(0)  # noqa: NPY002  the state the mask comes from
        out = Dropout(p)(self.ones).data
        np.testing.assert_allclose(out[out > 0], 1 / (1 - p), rtol=1e-6)
        assert abs((out == 0).mean() - p) < 0.05

    def test_a_seed_repeats_the_mask(self):
        """It comes from NumPy's global state."""
        masks = []
        for _ in range(2):
            np.random.seed(3)  # noqa: NPY002  the state the mask comes from
            masks.append(Dropout()(self.ones).data)
        assert (np.array_equal(*masks), np.array_equal(masks[0], Dropout()(self.ones).data)) == (True, False)

    @pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
    def test_what_is_no_probability_is_refused(self, p):
        """NaN passes every `<`, and is refused all the same."""
        with pytest.raises(RangeError, match="ratio in"):
            Dropout(p)

    def test_inside_a_model_eval_switches_it_off(self):
        """The mode goes all the way down."""
        model = Sequential(Sequential(Dropout(1.0))).eval()
        assert np.array_equal(model(self.ones).data, self.ones.data)


class TestSequential:
    """Layers one after the other."""

    def test_layers_run_in_order(self):
        """Each on the result of the one before."""
        doubler, adder = Linear(1, 1), Linear(1, 1)
        doubler.weight.data[...], adder.weight.data[...], adder.bias.data[...] = 2, 1, 3
        assert Sequential(doubler, adder)(Tensor([[5.0]])).tolist() == [[13.0]]

    def test_a_list_and_arguments_mean_the_same(self):
        """Either way the layers are in `.layers`."""
        parts = [Linear(2, 2), Dropout()]
        assert Sequential(parts).layers == Sequential(*parts).layers == Sequential(tuple(parts)).layers == parts

    def test_it_can_be_counted_indexed_and_walked(self):
        """Like the list it is."""
        parts = [Linear(2, 2), Dropout()]
        model = Sequential(*parts)
        assert (len(model), model[1], list(model)) == (2, parts[1], parts)

    def test_an_empty_one_gives_its_input(self):
        """There is nothing to do."""
        x = Tensor([1.0])
        assert Sequential()(x) is x

    def test_anything_with_forward_may_stand_in_it(self):
        """Layers are duck-typed."""

        class Duck:
            def forward(self, x):
                return x * 2

        assert Sequential(Duck())(Tensor([2.0])).tolist() == [4.0]
