"""Linear layers of nibbles: every form gives the twin's whole numbers, to the bit."""

import dataclasses

import numpy as np
import pytest

from tinytorch.errors import StateError
from tinytorch.perf.kernels import VARIABLE, forms, int4
from tinytorch.perf.kernels.int4 import (
    join_nibbles,
    linear_by_numpy,
    pack_nibbles,
    quantize_groups,
    split_nibbles,
    unshortened,
)

SIZES = [(1, 1), (3, 17), (8, 16), (31, 33), (32, 64), (64, 80), (100, 130), (200, 70)]


@pytest.fixture(params=forms.possible_forms())
def form(request, monkeypatch):
    """Give each form that can run here."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def floats(*shape, seed=0):
    """Give float32 numbers."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def layer(inputs, outputs, group=32):
    """Pack a layer of random weights for the form that is set."""
    return pack_nibbles(*quantize_groups(floats(inputs, outputs), group), floats(outputs), group)


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("rows", [1, 2, 4, 7, 33])
def test_results_are_the_twins_to_a_rounding(inputs, outputs, rows, form):
    """Sizes that do and do not fill groups, vectors, tiles and blocks."""
    for group, curve in ((32, "none"), (64, "relu"), (128, "tanh")):
        packed, x = layer(inputs, outputs, group), floats(rows, inputs)
        out = np.empty((rows, outputs), np.float32)
        packed.run(x, out, curve)
        assert out == pytest.approx(linear_by_numpy(x, packed, curve), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
@pytest.mark.parametrize("rows", [1, 2, 5, 16])
def test_whole_numbers_are_summed_exactly(inputs, outputs, rows, form):
    """With scales of 1 nothing is rounded: every result is the integer product, to the bit."""
    draw = np.random.default_rng([inputs, outputs, rows])
    q = draw.integers(-8, 8, (inputs, outputs)).astype(np.int8)
    x = draw.integers(-127, 128, (rows, inputs))
    x[:, ::32] = 127  # the first of each group, so that its scale is 1
    ones = np.full((-(-inputs // 32), outputs), 0x3F80, np.uint16)
    out = np.empty((rows, outputs), np.float32)
    pack_nibbles(q, ones, None, 32).run(x.astype(np.float32), out)
    assert np.array_equal(out, x @ q.astype(np.int64))


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_nibbles_do_not_overflow(form, sign):
    """±127 · -8 in every place, where a form of int16 is fullest."""
    q = np.full((256, 32), -8, np.int8)
    q[:, 1] = 7
    out = np.empty((2, 32), np.float32)
    scales = np.full((2, 32), 0x3F80, np.uint16)
    pack_nibbles(q, scales, None, 128).run(np.full((2, 256), 127 * sign, np.float32), out)
    assert out[0, :2].tolist() == [sign * 127 * 256 * -8, sign * 127 * 256 * 7]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_gives_nan(bad, form):
    """And the rows beside it what they would alone."""
    packed, x = layer(70, 5), floats(3, 70)
    x[1, 40] = bad
    out, alone = np.empty((3, 5), np.float32), np.empty((2, 5), np.float32)
    packed.run(x, out)
    packed.run(np.ascontiguousarray(x[[0, 2]]), alone)
    assert np.isnan(out[1]).all()
    assert np.array_equal(out[[0, 2]], alone)


def test_a_row_of_zeros_gives_the_bias(form):
    """And so does one too small to have an inverse; no rows give no results."""
    packed = layer(40, 4)
    for value in (0, 1e-44, -1e-36):
        out = np.empty((1, 4), np.float32)
        packed.run(np.full((1, 40), value, np.float32), out)
        assert np.array_equal(out[0], packed.bias[:4])
    packed.run(np.empty((0, 40), np.float32), np.empty((0, 4), np.float32))


def test_weights_and_scales_can_be_read_back(form):
    """Of all outputs and of some; two weights lie in a byte, padded to groups and vectors."""
    q, scales = quantize_groups(floats(70, 37), 32)
    packed = pack_nibbles(q, scales, None, 32)
    some = np.array([36, 0, 17, 17])
    assert np.array_equal(packed.matrix(), q)
    assert np.array_equal(packed.weights_of(some), q[:, some].T)
    assert np.array_equal(packed.scales_of(some), scales[:, some].T)
    assert packed.values.nbytes == 96 * (48 if packed.scales.shape[2] == 16 else 40) // 2


def test_scratch_can_be_used_again(form):
    """With nothing left over from before."""
    packed = layer(50, 20)
    scratch = packed.scratch(7)
    for rows in (7, 3, 7):
        x, out = floats(rows, 50, seed=rows) * 10, np.empty((rows, 20), np.float32)
        packed.run(x, out, scratch=scratch)
        assert out == pytest.approx(linear_by_numpy(x, packed), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("group", [32, 64])
def test_weights_come_back_within_half_a_step(group):
    """Of their group's scale; the far end of the other sign, at +8 steps, loses one of them."""
    weight = floats(130, 20)
    q, scales = quantize_groups(weight, group)
    steps = np.repeat(np.abs(unshortened(scales)), group, axis=0)[:130]
    back = q * np.repeat(unshortened(scales), group, axis=0)[:130]
    assert (np.abs(back - weight) <= steps * 1.01).all()
    assert np.mean(np.abs(back - weight) <= steps * 0.51) > 0.98
    assert q.min() == -8
    assert q.max() <= 7


def test_groups_of_zeros_and_nothing_else_stay_zeros():
    """Their scale is 1, so that nothing is divided by 0."""
    q, scales = quantize_groups(np.zeros((40, 3), np.float32), 32)
    assert not q.any()
    assert (unshortened(scales) == 1).all()


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_two_rows_share_bytes_and_come_apart(rows):
    """An odd last row shares them with nothing."""
    q = np.random.default_rng(rows).integers(-8, 8, (rows, 5)).astype(np.int8)
    joined = join_nibbles(q)
    assert (joined.shape, joined.dtype) == ((-(-rows // 2), 5), np.uint8)
    assert np.array_equal(split_nibbles(joined, rows), q)


def test_weights_packed_for_another_machine_are_refused(monkeypatch):
    """Instead of running an instruction that is not there."""
    packed = dataclasses.replace(layer(3, 2), form="vnni")
    monkeypatch.setattr(forms, "possible_forms", lambda: ("plain", "numpy"))
    int4._kernel.cache_clear()
    with pytest.raises(StateError, match="packed weights must be for plain, numpy; got weights packed for vnni"):
        packed.kernel()
