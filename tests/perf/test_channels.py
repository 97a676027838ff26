"""Units and channels removed through whole networks: what is left computes what the original does without them."""

import numpy as np
import pytest

from tinytorch.capstone.models import ImageMLP, PhotoCNN
from tinytorch.core import ops
from tinytorch.core.activations import GELU, ReLU, Sigmoid, Tanh
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.spatial import AvgPool2d, BatchNorm2d, Conv2d, Flatten, LeNet, MaxPool2d, SimpleCNN
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.errors import DTypeError, RangeError
from tinytorch.perf import TECHNIQUES, remove_hidden_units

RNG = np.random.default_rng(0)


def filled(model):
    """Give whole numbers as weights, so that sums are exact, and each unit a bias that no other has."""
    for parameter in model.astype(np.float64).parameters():
        parameter.data[...] = RNG.integers(-3, 4, parameter.shape)
        if parameter.ndim == 1:
            parameter.data[...] = RNG.permutation(parameter.size) - parameter.size // 2
    return model.eval()


def chain(model):
    """List the layers in order, those inside others too; any of the models here is such a chain."""
    if isinstance(model, SimpleCNN):
        return [model.conv1, model.relu, model.pool, model.conv2, model.relu, model.pool, model.flatten]
    if isinstance(model, LeNet):
        return chain(model.features) + chain(model.classifier)
    if isinstance(model, ImageMLP):
        return [Flatten(), *model]
    return [inner for layer in model for inner in chain(layer)] if isinstance(model, Sequential) else [model]


def tags(layers, position):
    """Give the numbers by which the units of a layer can be told apart: its biases, or the shifts that follow."""
    layer = layers[position]
    if layer.bias is not None:
        return layer.bias.data
    return next(after.beta.data for after in layers[position:] if isinstance(after, BatchNorm2d))


def widths(model):
    """Give how many units come out of each layer."""
    return [len(tags(chain(model), at)) for at, layer in enumerate(chain(model)) if isinstance(layer, Linear | Conv2d)]


def without(model, smaller, x):
    """Compute the original, with zeros in place of whatever comes out of the units that the smaller model has not."""
    layers, fewer = chain(model), chain(smaller)
    stay = None
    for position, layer in enumerate(layers):
        if isinstance(layer, Linear | Conv2d):
            if stay is not None:
                mask = np.repeat(stay, x.shape[1] // len(stay))
                x = x * Tensor(mask.reshape(-1, *[1] * (x.ndim - 2)), dtype=np.float64)
            stay = np.isin(tags(layers, position), tags(fewer, position))
        x = layer(x)
    return x.data


def convolutions(*between):
    """Build two convolutions, with what stands between and a classifier of 6x6 images."""
    last = Linear(5 * 36, 3)
    return Sequential(Conv2d(2, 8, 3, padding=1), *between, Conv2d(8, 5, 3, padding=1), ReLU(), Flatten(), last)


MODELS = {
    "four linear layers": (
        lambda: Sequential(Linear(6, 8), ReLU(), Linear(8, 7), ReLU(), Linear(7, 9), ReLU(), Linear(9, 3)),
        (6,),
    ),
    "no activation": (lambda: Sequential(Linear(6, 8), Dropout(0.5), Linear(8, 3)), (6,)),
    "ImageMLP": (lambda: ImageMLP(36, (8, 6), 3), (1, 6, 6)),
    "convolutions": (lambda: convolutions(ReLU()), (2, 6, 6)),
    "LeNet": (lambda: LeNet(3, in_channels=2, image_size=12), (2, 12, 12)),
    "SimpleCNN and a classifier": (lambda: Sequential(SimpleCNN(), Linear(32 * 4, 3)), (3, 8, 8)),
}
CURVED = {
    "tanh": (lambda: Sequential(Linear(6, 8), Tanh(), Linear(8, 3)), (6,)),
    "gelu": (lambda: Sequential(Linear(6, 8), GELU(), Linear(8, 3)), (6,)),
    "sigmoid": (lambda: Sequential(Linear(6, 8), Sigmoid(), Linear(8, 3)), (6,)),
    "normalization": (lambda: convolutions(BatchNorm2d(8), ReLU()), (2, 6, 6)),
    "normalization before pooling": (
        lambda: Sequential(Conv2d(2, 8, 3), BatchNorm2d(8), ReLU(), AvgPool2d(2), Flatten(), Linear(8 * 4, 3)),
        (2, 6, 6),
    ),
    "pooling before normalization": (
        lambda: Sequential(Conv2d(2, 8, 3, bias=False), MaxPool2d(2), BatchNorm2d(8), ReLU(), Flatten(), Linear(32, 3)),
        (2, 6, 6),
    ),
    "PhotoCNN": (lambda: PhotoCNN((8, 6, 4), 3), (3, 32, 32)),
}


def removed(make, shape, keep_ratio):
    """Give a model, a smaller one of it, and inputs."""
    model, x = filled(make()), Tensor(RNG.integers(-2, 3, (4, *shape)), dtype=np.float64)
    for layer in chain(model):
        if isinstance(layer, BatchNorm2d):
            layer.running_mean[...] = RNG.normal(size=layer.num_features)
            layer.running_var[...] = RNG.uniform(0.5, 2, layer.num_features)
    return model, remove_hidden_units(model, keep_ratio, example=x), x


@pytest.mark.parametrize("keep_ratio", [0.5, 0.3])
@pytest.mark.parametrize(("make", "shape"), MODELS.values(), ids=MODELS.keys())
def test_the_smaller_model_is_the_original_without_the_units_to_the_bit(make, shape, keep_ratio):
    """Whole numbers are added exactly in any order; every hidden layer of each model has fewer units."""
    model, smaller, x = removed(make, shape, keep_ratio)
    with no_grad():
        assert np.array_equal(smaller(x).data, without(model, smaller, x))
    before, after = widths(model), widths(smaller)
    assert after == [max(1, round(keep_ratio * width)) for width in before[:-1]] + before[-1:]


@pytest.mark.parametrize(("make", "shape"), CURVED.values(), ids=CURVED.keys())
def test_curves_and_normalizations_keep_it_so_within_rounding(make, shape):
    """A channel takes its scale, shift, mean and variance along."""
    model, smaller, x = removed(make, shape, 0.5)
    with no_grad():
        assert smaller(x).data == pytest.approx(without(model, smaller, x), rel=1e-12, abs=1e-12)


class Residual(Layer):
    """Two branches that meet, then a classifier."""

    def __init__(self):
        self.first = Conv2d(2, 6, 3, padding=1)
        self.inner = Conv2d(6, 8, 3, padding=1)
        self.second = Conv2d(8, 6, 3, padding=1)
        self.last = Linear(6, 3)

    def forward(self, x):
        """Compute with all channels."""
        came = ops.relu(self.first(x))
        return self.last((came + self.second(ops.relu(self.inner(came)))).sum(axis=(2, 3)))

    def masked(self, x, outer, inner):
        """Compute without some of them."""
        outer, inner = (Tensor(mask.reshape(-1, 1, 1), dtype=np.float64) for mask in (outer, inner))
        came = ops.relu(self.first(x))
        added = came + self.second(ops.relu(self.inner(came * outer)) * inner)
        return self.last((added * outer).sum(axis=(2, 3)))


def test_channels_that_are_added_go_together():
    """The block's channels are those of what it is added to; its inner ones are its own."""
    model, x = filled(Residual()), Tensor(RNG.integers(-2, 3, (4, 2, 5, 5)), dtype=np.float64)
    smaller = remove_hidden_units(model, 0.5, example=x)
    outer = np.isin(model.first.bias.data, smaller.first.bias.data)
    inner = np.isin(model.inner.bias.data, smaller.inner.bias.data)
    assert (outer.sum(), inner.sum(), smaller.second.out_channels) == (3, 4, 3)
    assert np.array_equal(smaller.second.bias.data, model.second.bias.data[outer])
    assert np.array_equal(smaller(x).data, model.masked(x, outer, inner).data)


class Function(Layer):
    """Any function of any layers."""

    def __init__(self, function, *layers):
        self.layers = list(layers)
        self.function = function

    def forward(self, x):
        """Call it."""
        return self.function(x, *self.layers)


MIXING = {
    "the input added": (lambda x, a, b: b(a(x) + x), "add at t1"),
    "concatenated": (lambda x, a, b: b(ops.concatenate(a(x), x, axis=0)), "concatenate at t1"),
    "sliced": (lambda x, a, b: b(a(x)[:1]), "slice at t1"),
    "summed over": (lambda x, a, b: b(a(x) - a(x).mean(axis=-1, keepdims=True)), "mean at t2"),
    "as another axis": (lambda x, a, b: b(a(x).transpose()), "linear at t2"),
    "in two orders": (lambda x, a, b: b(a(x) + a(x).transpose()), "add at t3"),
    "multiplied by each other": (lambda x, a, b: b(a(x) @ a(x)), "matmul at t2"),
    "multiplied by foreign numbers": (lambda x, a, b: b(a(x) * np.arange(4.0)), "mul at t1"),
    "in groups": (lambda x, a, b: b(a(x).reshape(4, 2, 2).sum(axis=1).reshape(2, 4)), "reshape at t1"),
}


@pytest.mark.parametrize(("function", "reason"), MIXING.values(), ids=MIXING.keys())
def test_what_stands_in_the_way_is_named(function, reason):
    """The op, and the step of the graph that it is."""
    model = Function(function, Linear(4, 4), Linear(4, 3))
    with pytest.raises(DTypeError, match=rf"layers\.0\.weight: {reason} takes them together"):
        remove_hidden_units(model, example=np.ones((4, 4)))


def test_weights_used_for_two_things_at_once_stay():
    """Once for the rows of one layer, once for the positions of another."""
    model = Function(lambda x, a, b, c, d: d(c(a(x)) + c(b(x))), *(Linear(4, 4) for _ in range(4)))
    smaller = remove_hidden_units(model, example=np.ones((1, 4)))
    assert [layer.weight.shape for layer in smaller.layers] == [(4, 2), (4, 2), (2, 2), (2, 4)]


def test_a_parameter_added_or_multiplied_goes_along():
    """As a bias or a scale of one's own does."""

    class Scaled(Layer):
        def __init__(self):
            self.first, self.last = Linear(3, 4, bias=False), Linear(4, 2)
            self.scale = Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)

        def forward(self, x):
            return self.last(2 * self.first(x) * self.scale)

    model = Scaled()
    model.first.weight.data[...] = 1
    model.last.weight.data[...] = [[1, 1], [0, 0], [2, 2], [0, 0]]
    assert remove_hidden_units(model, 0.5, example=np.ones((1, 3))).scale.tolist() == [1.0, 3.0]


def test_a_channel_counts_by_what_its_normalization_lets_out():
    """Scale and shift squared, not the size of the kernel before it."""
    model = Sequential(Conv2d(1, 3, 1), BatchNorm2d(3), ReLU(), Flatten(), Linear(3, 1))
    model[0].weight.data[...] = np.array([9, 1, 1]).reshape(3, 1, 1, 1)
    model[1].gamma.data[...], model[1].beta.data[...] = [0.1, 1, 0.1], [0, 0, 3]
    model[4].weight.data[...] = 1
    smaller = remove_hidden_units(model.eval(), 2 / 3, example=np.ones((1, 1, 1, 1)))
    assert smaller[1].beta.tolist() == [0, 3]


def test_the_perceptrons_of_a_transformer_become_narrower_and_nothing_else():
    """The stream that blocks add to is normalized, and heads are no units."""
    model = GPT(11, 8, 2, 2, max_seq_len=6)
    ids = Tensor(np.arange(6).reshape(1, 6), dtype=np.int64)
    smaller = remove_hidden_units(model, 0.25, example=ids)
    assert [block.mlp.linear1.weight.shape for block in smaller.blocks] == [(8, 8), (8, 8)]
    assert [block.mlp.hidden_dim for block in smaller.blocks] == [8, 8]
    assert smaller(ids).shape == model(ids).shape
    assert repr(remove_hidden_units(model, 0.25)) == repr(smaller)  # a language model tells what it reads
    assert TECHNIQUES["prune.units.v1"].check(smaller, model, keep_ratio=0.25) == []


def test_removed_channels_do_not_keep_the_rest_from_learning():
    """Gradients have the new shapes, and running statistics are followed."""
    model, x = PhotoCNN((8, 6, 4), 3), Tensor(RNG.normal(size=(2, 3, 32, 32)))
    smaller = remove_hidden_units(model, 0.5, example=x).train()
    CrossEntropyLoss()(smaller(x), Tensor([0, 1])).backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in smaller.parameters())
    assert [layer.running_mean.shape for layer in smaller if isinstance(layer, BatchNorm2d)] == [(4,), (3,), (2,)]


def test_an_example_is_needed_where_no_layer_tells_the_size():
    """Images can be of any; LeNet says which."""
    with pytest.raises(RangeError, match="the example must be given"):
        remove_hidden_units(convolutions(ReLU()))
    assert remove_hidden_units(LeNet(), 0.5).features[3].out_channels == 8
