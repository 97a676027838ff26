"""GELU, fused and not: alike, exact where it is small, and differentiable."""

import math

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.core.autograd import gradcheck
from tinytorch.perf import trace
from tinytorch.perf.acceleration import curves, fused_gelu, unfused_gelu
from tinytorch.perf.kernels import VARIABLE, forms

RNG = np.random.default_rng(0)
numba = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")


def exact(x):
    """Give GELU and its slope in double precision, with no difference of like numbers."""
    x = x.astype(np.float64)
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    gate = 1 / (1 + np.exp(-2 * inner))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return x * gate, gate + x * gate / (1 + np.exp(2 * inner)) * 2 * slope


@pytest.mark.parametrize("shape", [(256, 256), (512, 512), (3,), (), (0,)], ids=str)
def test_fused_and_unfused_are_alike(shape):
    """To 1e-6, and in the kind of float that came in."""
    x = Tensor(RNG.normal(size=shape))
    fused, plain = fused_gelu(x), unfused_gelu(x)
    assert (fused.dtype, fused.shape) == (np.float32, shape)
    np.testing.assert_allclose(fused.data, plain.data, rtol=1e-6, atol=1e-6)


def test_both_take_arrays_and_lists():
    """As a tensor made of them would be taken."""
    assert np.array_equal(fused_gelu([1.0, 2.0]).data, fused_gelu(np.array([1.0, 2.0], np.float32)).data)
    assert unfused_gelu([0.0]).tolist() == [0.0]


@pytest.mark.parametrize("function", [fused_gelu, unfused_gelu])
def test_both_are_differentiable(function):
    """In double precision, which NumPy does."""
    assert gradcheck(function, Tensor(RNG.normal(size=(3, 4)), requires_grad=True, dtype="float64"))


def test_the_gradients_of_the_fused_form_are_those_of_the_unfused():
    """Above the size from which on a kernel is used, and below."""
    for rows in (3, 300):
        x = RNG.normal(size=(rows, 512)).astype(np.float32)
        slopes = []
        for function in (fused_gelu, unfused_gelu):
            tensor = Tensor(x, requires_grad=True)
            function(tensor).sum().backward()
            slopes.append(tensor.grad)
        np.testing.assert_allclose(*slopes, rtol=1e-5, atol=2e-6)


@numba
def test_the_kernel_is_right_over_the_whole_range():
    """To 2e-5 of itself, down to 1e-30, however negative x is; the slope, to 4e-7."""
    x = np.concatenate([np.linspace(-100, 100, 200_001), np.geomspace(1e-30, 1e18, 50_000)]).astype(np.float32)
    x = np.concatenate([x, -x[200_001:]])
    value, (rule,) = curves.gelu(x)
    with np.errstate(over="ignore"):
        expected, slope = exact(x)
    np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-30)
    np.testing.assert_allclose(rule(np.ones_like(x)), slope, rtol=1e-6, atol=4e-7)


@numba
def test_the_kernel_keeps_what_is_no_number():
    """NaN stays NaN, infinity infinity, and the slope is 1 there, where the square of x is none."""
    x = np.zeros(4096, np.float32)
    x[:3] = np.nan, np.inf, 1e30
    value, (rule,) = curves.gelu(x)
    slope = rule(np.ones_like(x))
    assert np.isnan([value[0], slope[0]]).all()
    assert (value[1], value[2], slope[2], value[3], slope[3]) == (np.inf, np.float32(1e30), 1, 0, 0.5)


@numba
def test_large_arrays_are_one_loop_and_small_ones_load_no_kernel(monkeypatch):
    """Loading takes longer than NumPy takes for these."""
    loaded = []
    monkeypatch.setattr(curves, "_compiled", lambda name: lambda *_: loaded.append(name))
    fused_gelu(np.ones((256, 256), np.float32))
    assert loaded == []
    fused_gelu(np.ones((512, 512), np.float32))
    assert set(loaded) == {"gelu_there"}


def test_the_environment_can_forbid_the_kernel(monkeypatch):
    """NumPy's chain does it then."""
    monkeypatch.setenv(VARIABLE, "numpy")
    monkeypatch.setattr(curves, "_compiled", None)
    assert fused_gelu(np.ones((512, 512), np.float32)).shape == (512, 512)


def test_a_graph_has_gelu():
    """So that what compiles the graph knows it."""
    assert [step.op for step in trace(fused_gelu, Tensor([1.0])).steps] == ["gelu"]
