"""Low rank for convolutions: two thin ones in the place of a wide one."""

import numpy as np
import pytest

from tinytorch.benchmarking import stored_bytes
from tinytorch.benchmarking.adapters.tinytorch_files import load_model, save_model
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d, Flatten, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DTypeError
from tinytorch.perf import TECHNIQUES, compile, factorize, quantize, remove_hidden_units

RNG = np.random.default_rng(0)
CHECK = TECHNIQUES["factorize.low_rank.v1"].check


def images(*shape):
    """Draw images."""
    return Tensor(RNG.normal(size=shape or (2, 8, 9, 7)))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("kernel", [3, (3, 2), 1])
@pytest.mark.parametrize("bias", [True, False])
def test_kernels_of_a_low_rank_lose_nothing(stride, padding, kernel, bias):
    """Three kinds of kernels, mixed to sixteen, are three channels and a mixture."""
    layer = Conv2d(8, 16, kernel, stride=stride, padding=padding, bias=bias)
    mixed = RNG.normal(size=(16, 1)) @ RNG.normal(size=(1, layer.weight.size // 16))
    layer.weight.data[...] = mixed.reshape(layer.weight.shape)
    if bias:
        layer.bias.data[...] = RNG.normal(size=16)
    pair = factorize(Sequential(layer), 0.125)[0]
    x = images()
    assert pair(x).data == pytest.approx(layer(x).data, abs=1e-3)
    assert (pair[0].bias, pair[1].bias is None) == (None, not bias)


def test_the_error_is_that_of_the_singular_values_left_out():
    """The kernels of both together are the best of their rank."""
    layer = Conv2d(4, 12, 3)
    first, second = factorize(Sequential(layer), 0.25)[0]
    both = np.einsum("or,rchw->ochw", second.weight.data[:, :, 0, 0], first.weight.data)
    left_out = np.linalg.svd(layer.weight.data.reshape(12, -1), compute_uv=False)[3:]
    assert np.linalg.norm(both - layer.weight.data) == pytest.approx(np.linalg.norm(left_out), rel=1e-4)


def test_fewer_bytes_are_stored_or_the_layer_stays():
    """Numbers: r (C h w + O) for O C h w; one that would take as many is left."""
    model = Sequential(Conv2d(8, 16, 3), ReLU(), Conv2d(16, 1, 1))
    smaller = factorize(model, 0.25)
    assert repr(smaller[0]) == (
        "Sequential(Conv2d(8, 4, 3, stride=1, padding=0, bias=False), Conv2d(4, 16, 1, stride=1, padding=0))"
    )
    assert smaller[2].weight.shape == (1, 16, 1, 1)
    assert stored_bytes(smaller[0]) == 4 * (4 * 72 + 4 * 16 + 16)
    with pytest.raises(DTypeError, match="a Linear or Conv2d layer which the rank ratio 1 makes smaller"):
        factorize(Sequential(Conv2d(8, 16, 3)), 1)


def test_the_original_is_left_alone_and_the_pair_can_be_trained():
    """Gradients reach both, and none is left over."""
    model = Sequential(Conv2d(8, 16, 3))
    model(images()).sum().backward()
    before = model[0].weight.data.copy()
    smaller = factorize(model, 0.25)
    assert all(parameter.grad is None for parameter in smaller.parameters())
    smaller(images()).sum().backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in smaller.parameters())
    assert np.array_equal(model[0].weight.data, before)


def network():
    """Build what a small network of images has."""
    return Sequential(Conv2d(3, 16, 3, padding=1), BatchNorm2d(16), ReLU(), Flatten(), Linear(16 * 36, 10)).eval()


@pytest.mark.parametrize("make", [network, lambda: LeNet(in_channels=3, image_size=12).eval()], ids=["own", "LeNet"])
def test_pairs_survive_compiling_bytes_and_a_file(make, tmp_path):
    """Each alone computes the same, and the claim holds of bytes too."""
    model, shape = make(), (2, 3, 6, 6) if make is network else (2, 3, 12, 12)
    smaller, x = factorize(model, 0.25), images(*shape)
    assert CHECK(smaller, model, rank_ratio=0.25) == []
    assert compile(smaller, x)(x).data == pytest.approx(smaller(x).data, abs=1e-4)
    for each in (smaller, quantize(smaller)):
        save_model(each, tmp_path / "m.safetensors", shape)
        again = load_model(tmp_path / "m.safetensors")
        assert np.array_equal(again(x).data, each(x).data)
        assert CHECK(again, model, rank_ratio=0.25) == []


def test_units_can_go_from_a_factorized_network():
    """The claims of both hold in turn."""
    model = LeNet(image_size=12).eval()
    smaller = factorize(remove_hidden_units(model, 0.5), 0.25)
    assert CHECK(smaller, rank_ratio=0.25) == []
    assert TECHNIQUES["prune.units.v1"].check(smaller, model) == []


def test_two_convolutions_that_see_more_than_a_place_are_no_pair():
    """Nor is one that leaves places out: their product is no single layer of that size."""
    narrow = Conv2d(8, 2, 3)
    for second in (Conv2d(2, 16, 3), Conv2d(2, 16, 1, stride=2), Conv2d(2, 16, 1, padding=1)):
        assert CHECK(Sequential(narrow, second)) == [
            "the model must be one that holds a pair of thin layers; got Sequential."
        ]
    assert CHECK(Sequential(narrow, Conv2d(2, 16, 1))) == []
