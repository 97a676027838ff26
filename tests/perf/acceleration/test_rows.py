"""Softmax, cross-entropy and layer norm by kernels: extremes, precision, what they refuse."""

import numpy as np
import pytest

from tinytorch.core.ops import OPS
from tinytorch.errors import RangeError, ShapeError
from tinytorch.perf.acceleration import TWINS
from tinytorch.perf.kernels import forms

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

RNG = np.random.default_rng(0)
SOFT = pytest.mark.parametrize("name", ["softmax", "log_softmax"])


def both(name, x, g=None):
    """Give value and gradient of the twin in single, and of NumPy's function in double precision."""
    (found, (slope,)), (expected, (wanted,)) = TWINS[name](x), OPS[name].run(x.astype(np.float64))
    g = RNG.normal(size=x.shape).astype(np.float32) if g is None else g
    return (found, slope(g)), (expected, wanted(g.astype(np.float64)))


@SOFT
@pytest.mark.parametrize("spread", [1, 30, 1e4])
@pytest.mark.parametrize("width", [1, 2, 7, 16, 33, 1000, 50_257])
def test_rows_of_any_width_are_right(name, width, spread):
    """To a few millionths of the largest, beside double precision."""
    x = (RNG.normal(size=(max(1024 // width, 2), width)) * spread).astype(np.float32)
    for found, expected in zip(*both(name, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6 * max(1, np.abs(expected).max()))


def test_what_is_masked_gets_exactly_nothing():
    """Minus infinity and numbers far below are 0, not almost 0."""
    x = np.zeros((16, 64), np.float32)
    x[:, ::2], x[:, 1] = -np.inf, -1e9
    value, _ = TWINS["softmax"](x)
    assert (value[:, ::2] == 0).all()
    assert (value[:, 1] == 0).all()
    np.testing.assert_allclose(value.sum(axis=1), 1, rtol=1e-6)


@SOFT
@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf])
def test_a_row_that_has_no_softmax_is_not_a_number(name, number):
    """As in NumPy; the other rows are what they were."""
    x = RNG.normal(size=(16, 64)).astype(np.float32)
    x[3, 5] = number
    value, _ = TWINS[name](x)
    assert np.isnan(value[3]).any()
    assert np.isfinite(np.delete(value, 3, axis=0)).all()


def test_a_row_of_nothing_but_minus_infinity_is_not_a_number():
    """As in NumPy."""
    x = np.full((16, 64), -np.inf, np.float32)
    assert np.isnan(TWINS["softmax"](x)[0]).all()


def test_logits_far_apart_have_a_finite_loss():
    """The wrong class by 2e4 costs 2e4."""
    logits = np.zeros((64, 10), np.float32)
    logits[:, 0], classes = 2e4, np.ones(64)
    loss, (rule, _) = TWINS["cross_entropy"](logits, classes)
    assert loss == 2e4
    assert rule(np.float32(1))[0].tolist() == pytest.approx([1 / 64, -1 / 64, *[0] * 8])


def test_the_loss_is_as_right_as_a_double_would_be():
    """It is added up in one, over 100,000 rows."""
    logits, classes = RNG.normal(size=(100_000, 5)).astype(np.float32), RNG.integers(0, 5, 100_000)
    loss, (rule, _) = TWINS["cross_entropy"](logits, classes)
    expected, (wanted, _) = OPS["cross_entropy"].run(logits.astype(np.float64), classes)
    assert float(loss) == pytest.approx(expected, rel=2e-7)
    np.testing.assert_allclose(rule(np.float32(3)), wanted(3.0), rtol=2e-6, atol=1e-10)


@pytest.mark.parametrize("wrong", [-1, 10, 0.5, np.nan])
def test_what_is_no_class_is_refused(wrong):
    """By the same rule and words as without the kernel."""
    logits, targets = np.zeros((64, 10), np.float32), np.zeros(64)
    targets[7] = wrong
    with pytest.raises(RangeError, match="targets must be"):
        TWINS["cross_entropy"](logits, targets)


def test_shapes_that_do_not_fit_are_refused():
    """By the same rule and words as without the kernels."""
    with pytest.raises(ShapeError, match="logits must be"):
        TWINS["cross_entropy"](np.zeros((64, 10), np.float32), np.zeros(63))
    with pytest.raises(ShapeError, match="the input of layer_norm"):
        TWINS["layer_norm"](np.zeros((64, 10), np.float32), np.ones(9, np.float32), np.ones(10, np.float32))


@pytest.mark.parametrize("shape", [(600, 1), (2048, 128), (3, 4099)], ids=str)
@pytest.mark.parametrize("offset", [0, 1000])
def test_layer_norm_is_right_beside_double_precision(shape, offset):
    """Mean first, then squares about it, so that an offset costs no more digits than it takes."""
    x = (RNG.normal(size=shape) + offset).astype(np.float32)
    gamma, beta = (RNG.normal(size=shape[1]).astype(np.float32) for _ in range(2))
    g = RNG.normal(size=shape).astype(np.float32)
    value, rules = TWINS["layer_norm"](x, gamma, beta)
    expected, wanted = OPS["layer_norm"].run(*(a.astype(np.float64) for a in (x, gamma, beta)))
    error = 3e-6 if offset == 0 else 3e-4
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=error * 4)
    for rule, other in zip(rules, wanted, strict=True):
        right = other(g.astype(np.float64))
        np.testing.assert_allclose(rule(g), right, rtol=1e-4, atol=error * max(np.abs(right).max(), 1) * 4)
