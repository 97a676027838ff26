"""Linear layers on bytes: every form gives the twin's sums, to the bit."""

import numpy as np
import pytest

from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.int8 import (
    exact_product,
    linear_by_numpy,
    pack_linear,
    quantize_columns,
    quantize_rows,
)

RNG = np.random.default_rng(0)


def floats(*shape):
    """Give float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


def layer(inputs, outputs):
    """Pack a layer of random weights for the form that is set."""
    return pack_linear(*quantize_columns(floats(inputs, outputs)), floats(outputs))


def close(found, expected):
    """Say whether floats differ by roundings only: of the product, which may be larger than the result."""
    return np.allclose(found, expected, rtol=3e-7, atol=3e-7 * max(1, np.abs(expected).max()))


@pytest.fixture(params=forms.possible_forms())
def form(request, monkeypatch):
    """Give each form that can run here."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


SIZES = [
    (1, 1),
    (3, 2),
    (4, 16),
    (5, 17),
    (7, 33),
    (64, 64),
    (65, 100),
    (130, 129),
    (1041, 20),
    (300, 3),
    (64, 16),
    (320, 80),
]


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("rows", [1, 2, 3, 6, 8, 16, 33, 49, 97])
def test_sums_are_the_twins_to_the_bit_and_results_to_a_rounding(inputs, outputs, rows, form):
    """Sizes that do and do not fill groups, vectors, tiles and blocks."""
    packed, x = layer(inputs, outputs), floats(rows, inputs)
    q, _ = quantize_rows(x)
    expected = q.astype(np.int64) @ packed.matrix().astype(np.int64)
    assert np.array_equal(packed.sums(x), expected)
    out = np.empty((rows, outputs), np.float32)
    packed.run(x, out)
    assert close(out, linear_by_numpy(x, packed))
    packed.run(x, out, "relu", 0.02)
    assert close(out, linear_by_numpy(x, packed, "relu", 0.02))


def test_a_layer_that_padding_would_inflate_is_not_for_amx(monkeypatch):
    """Ten inputs are not padded to 64."""
    if "amx" not in forms.possible_forms():
        pytest.skip("this machine has no AMX")
    monkeypatch.setenv(VARIABLE, "amx")
    assert [layer(inputs, 4).form for inputs in (10, 56, 57, 64, 65, 114)] == [
        "vnni",
        "vnni",
        "amx",
        "amx",
        "vnni",
        "amx",
    ]


@pytest.mark.parametrize("rows", [2, 32])
def test_extreme_bytes_do_not_overflow(form, rows):
    """The largest sums of 4096 products: ±127 · 127 · 4096 is far from the end of int32, and of pairs of int16."""
    signs = np.where(np.arange(32) % 2, 127, -127).astype(np.int8)
    packed = pack_linear(np.tile(signs, (4096, 1)), np.ones(32, np.float32))
    for value in (1, -1):
        sums = packed.sums(np.full((rows, 4096), value, np.float32))
        assert np.array_equal(sums, np.tile(value * 127 * 4096 * signs.astype(np.int32), (rows, 1)))


@pytest.mark.parametrize("curve", ["sigmoid", "tanh", "gelu"])
def test_curves_follow_the_sums(curve, form):
    """To the precision of their exponential."""
    packed, x = layer(20, 19), floats(5, 20) * 3
    out = np.empty((5, 19), np.float32)
    packed.run(x, out, curve)
    assert out == pytest.approx(linear_by_numpy(x, packed, curve), rel=1e-5, abs=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("fixed", [0.0, 0.05])
def test_a_row_that_is_not_finite_gives_nan(bad, fixed, form):
    """And the rows beside it what they would alone."""
    packed, x = layer(9, 5), floats(3, 9)
    x[1, 4] = bad
    out = np.empty((3, 5), np.float32)
    packed.run(x, out, "none", fixed)
    assert np.isnan(out[1]).all()
    assert close(out[[0, 2]], linear_by_numpy(x[[0, 2]], packed, "none", fixed))


def test_a_row_of_zeros_gives_the_bias(form):
    """And so does one too small to have an inverse."""
    packed = layer(6, 4)
    for value in (0, 1e-44, -1e-36):
        out = np.empty((1, 4), np.float32)
        packed.run(np.full((1, 6), value, np.float32), out)
        assert np.array_equal(out[0], packed.bias)


def test_no_rows_give_no_results(form):
    """An empty batch."""
    out = np.empty((0, 4), np.float32)
    layer(6, 4).run(floats(0, 6), out)
    assert out.shape == (0, 4)


def test_scratch_can_be_used_again(form):
    """For as many rows as it was made for, and for fewer, with nothing left over from before."""
    packed = layer(30, 20)
    scratch = packed.scratch(7)
    for rows in (7, 3, 7):
        x, out = floats(rows, 30) * 10, np.empty((rows, 20), np.float32)
        packed.run(x, out, scratch=scratch)
        assert close(out, linear_by_numpy(x, packed))


def test_weights_are_bytes_and_can_be_read_back(form):
    """Padded to whole vectors at most."""
    q, scales = quantize_columns(floats(40, 70))
    packed = pack_linear(q, scales)
    assert np.array_equal(packed.matrix(), q)
    assert np.array_equal(packed.scales, scales)
    assert packed.values.dtype == np.int8
    assert 40 * 70 <= packed.values.nbytes <= 40 * 80


def test_the_result_is_close_to_the_float_layer(form):
    """One percent of the largest output, for normal numbers; the same ones whatever ran before."""
    draw = np.random.default_rng(1).standard_normal
    weight, x = draw((256, 64), np.float32), draw((8, 256), np.float32)
    packed = pack_linear(*quantize_columns(weight))
    out = np.empty((8, 64), np.float32)
    packed.run(x, out)
    expected = x @ weight
    assert np.abs(out - expected).max() < 0.015 * np.abs(expected).max()


def test_columns_keep_their_own_scales():
    """The largest weight of each column becomes ±127; a column of zeros stays zeros."""
    q, scales = quantize_columns(np.float32([[100, 0.001, 0], [-50, -0.002, 0]]))
    assert q.tolist() == [[127, 64, 0], [-64, -127, 0]]
    assert scales == pytest.approx(np.float32([100 / 127, 0.002 / 127, 1]))


def test_halves_are_rounded_to_even():
    """As NumPy and the machine do: 0.5 to 0, 1.5 to 2, 2.5 to 2."""
    q, scales = quantize_rows(np.float32([[0.5, 1.5, 2.5, -2.5, 127]]))
    assert (q.tolist(), scales.tolist()) == ([[0, 2, 2, -2, 127]], [1.0])


def test_a_fixed_scale_clips_what_lies_beyond():
    """Nothing wraps around."""
    q, scales = quantize_rows(np.float32([[1000, -1000, 1]]), 0.5)
    assert (q.tolist(), scales.tolist()) == ([[127, -127, 2]], [0.5])


def test_the_exact_product_is_exact_beyond_one_block():
    """3000 products of the largest size leave float32's whole numbers far behind."""
    a, b = np.full((1, 3000), 127), np.full((3000, 1), -127, np.int8)
    assert exact_product(a, b).tolist() == [[-127 * 127 * 3000]]
