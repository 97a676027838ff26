"""Convolutions on bytes: every form gives the twin's sums, to the bit."""

import dataclasses

import numpy as np
import pytest

from tinytorch.errors import StateError
from tinytorch.perf.kernels import VARIABLE, forms, int8_convolution
from tinytorch.perf.kernels.dense import CURVES
from tinytorch.perf.kernels.int8_convolution import convolution_by_numpy, pack_convolution, quantize_images

RNG = np.random.default_rng(0)
SHAPES = {
    "LeNet's first": ((2, 1, 28, 28), (6, 1, 5, 5), 1, 2),
    "LeNet's second": ((1, 6, 14, 14), (16, 6, 5, 5), 1, 0),
    "more windows than two vectors": ((1, 3, 7, 50), (33, 3, 3, 3), 1, 1),
    "a stride": ((2, 2, 9, 40), (3, 2, 3, 3), 2, 1),
    "a stride beyond the kernel": ((1, 2, 11, 13), (5, 2, 2, 2), 3, 0),
    "one by one": ((1, 5, 4, 6), (31, 5, 1, 1), 1, 0),
    "a wide kernel": ((1, 2, 6, 33), (4, 2, 4, 9), 1, 3),
    "one window": ((3, 2, 3, 3), (7, 2, 3, 3), 1, 0),
}


def floats(*shape):
    """Give float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


def layer(shape, stride=1, padding=0):
    """Pack random kernels for the form that is set."""
    q = RNG.integers(-127, 128, shape).astype(np.int8)
    return pack_convolution(q, RNG.random(shape[0], np.float32) / 100, floats(shape[0]), stride=stride, padding=padding)


def counted(q, kernels, stride, padding):
    """Correlate whole numbers window by window."""
    padded = np.pad(q.astype(np.int64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", windows, kernels.astype(np.int64))


@pytest.fixture(params=forms.possible_forms())
def form(request, monkeypatch):
    """Give each form that can run here."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


@pytest.mark.parametrize("name", SHAPES)
def test_sums_are_the_twins_to_the_bit_and_results_to_a_rounding(name, form):
    """Sizes that do and do not fill groups, vectors and tiles; every sum counted by hand too."""
    images, kernels, stride, padding = SHAPES[name]
    packed, x = layer(kernels, stride, padding), floats(*images)
    expected = counted(quantize_images(x)[0], packed.kernels(), stride, padding)
    assert np.array_equal(packed.sums(x), expected)
    out = np.empty(expected.shape, np.float32)
    for curve, fixed in (("none", 0.0), ("relu", 0.02)):
        packed.run(x, out, curve, fixed)
        twin = convolution_by_numpy(x, packed, curve, fixed)
        assert np.allclose(out, twin, rtol=3e-7, atol=3e-7 * np.abs(twin).max())


@pytest.mark.parametrize("curve", ["sigmoid", "tanh", "gelu"])
def test_curves_follow_the_sums(curve, form):
    """To the precision of their exponential, where a line fills whole vectors and where it does not."""
    for width in (16, 18):
        packed, x = layer((3, 2, 3, 3), padding=1), floats(2, 2, 5, width)
        out = np.empty((2, 3, 5, width), np.float32)
        packed.run(x, out, curve)
        assert out == pytest.approx(convolution_by_numpy(x, packed, curve), rel=1e-5, abs=1e-5)


@pytest.mark.skipif(not forms.has_numba(), reason="the twin is followed by another step")
@pytest.mark.parametrize("curve", ["none", "relu", "tanh"])
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("width", [7, 12, 32, 70])
def test_pooling_takes_the_largest_of_each_window(monkeypatch, curve, size, width):
    """And leaves out what fills no window."""
    for name in forms.possible_forms()[:-1]:
        monkeypatch.setenv(VARIABLE, name)
        packed, x = layer((5, 2, 3, 3), padding=1), floats(2, 2, 10, width)
        twin = convolution_by_numpy(x, packed, curve)
        rows, columns = 10 // size, width // size
        tiles = twin[:, :, : rows * size, : columns * size].reshape(2, 5, rows, size, columns, size)
        out = np.empty((2, 5, rows, columns), np.float32)
        packed.call(x, out, (CURVES[curve], np.float32(0)), packed.scratch(10, width, size))
        assert out == pytest.approx(tiles.max((3, 5)), rel=1e-5, abs=1e-5)


def test_extreme_bytes_do_not_overflow(form):
    """±127 · 127 in every place of 576, and padding that is 0 all the same."""
    q = np.where(np.arange(64 * 9) % 2, 127, -127).astype(np.int8).reshape(1, 64, 3, 3)
    packed = pack_convolution(q, np.ones(1, np.float32), padding=1)
    x = np.where(np.arange(64 * 25) % 3, 1, -1).astype(np.float32).reshape(1, 64, 5, 5)
    assert np.array_equal(packed.sums(x), counted((127 * x).astype(np.int64), q, 1, 1))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("fixed", [0.0, 0.05])
def test_an_image_that_is_not_finite_gives_nan(bad, fixed, form):
    """And the images beside it what they would alone; pooling keeps the NaN."""
    packed, x = layer((3, 1, 3, 3)), floats(3, 1, 8, 8)
    x[1, 0, 2, 3] = bad
    out = np.empty((3, 3, 6, 6), np.float32)
    packed.run(x, out, "relu", fixed)
    assert np.isnan(out[1]).all()
    alone = np.empty((2, 3, 6, 6), np.float32)
    packed.run(np.ascontiguousarray(x[[0, 2]]), alone, "relu", fixed)
    assert np.array_equal(out[[0, 2]], alone)
    if form != "numpy":
        pooled = np.empty((3, 3, 3, 3), np.float32)
        packed.call(x, pooled, (CURVES["relu"], np.float32(fixed)), packed.scratch(8, 8, 2))
        assert np.isnan(pooled[1]).all()
        assert np.isfinite(pooled[[0, 2]]).all()


def test_an_image_of_zeros_gives_the_bias(form):
    """And so does one too small to have an inverse."""
    packed = layer((4, 2, 3, 3), padding=1)
    for value in (0, 1e-44, -1e-36):
        out = np.empty((1, 4, 5, 5), np.float32)
        packed.run(np.full((1, 2, 5, 5), value, np.float32), out)
        assert np.array_equal(out, np.broadcast_to(packed.bias[:, None, None], out.shape))


def test_scratch_can_be_used_again(form):
    """With nothing left over from the image before, in the padding least of all."""
    if form == "numpy":
        pytest.skip("the twin needs none")
    packed = layer((4, 2, 3, 3), padding=2)
    scratch = packed.scratch(6, 7)
    for _ in range(3):
        x, out = floats(2, 2, 6, 7) * 10, np.empty((2, 4, 8, 9), np.float32)
        packed.call(x, out, (0, np.float32(0)), scratch)
        assert out == pytest.approx(convolution_by_numpy(x, packed), rel=1e-5, abs=1e-4)


def test_kernels_can_be_read_back(form):
    """Whatever their order and kind in memory."""
    q = RNG.integers(-127, 128, (5, 3, 4, 6)).astype(np.int8)
    scales = RNG.random(5, np.float32)
    packed = pack_convolution(q, scales)
    assert np.array_equal(packed.kernels(), q)
    assert packed.kernels().dtype == np.int8
    assert np.array_equal(packed.scales, scales)


def test_kernels_packed_for_another_machine_are_refused(monkeypatch):
    """Instead of running an instruction that is not there."""
    packed = dataclasses.replace(layer((1, 1, 1, 1)), form="vnni")
    monkeypatch.setattr(forms, "possible_forms", lambda: ("plain", "numpy"))
    int8_convolution._kernel.cache_clear()
    with pytest.raises(StateError, match="packed kernels must be for plain, numpy; got kernels packed for vnni"):
        packed.kernel()
