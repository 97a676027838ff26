"""Convolution and pooling of any shapes that fit, against loops over every window."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core import ops
from tinytorch.core.ops import convolution
from tinytorch.core.tensor import Tensor

modestly = settings(deadline=None, derandomize=True, max_examples=60, database=None)


@st.composite
def convolutions(draw):
    """Give images, kernels, a stride and a padding such that at least one window fits."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, padding = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    size = [draw(st.integers(max(1, k - 2 * padding), 7)) for k in kernel]
    batch, channels, filters = draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return (batch, channels, *size), (filters, channels, *kernel), stride, padding


@st.composite
def pools(draw):
    """Give images, a kernel, a stride and a padding of at most half of the kernel."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.integers(0, min(kernel) // 2))
    size = [draw(st.integers(max(1, k - 2 * padding), 7)) for k in kernel]
    return (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *size), kernel, stride, padding


def numbers(shape, start):
    """Give distinct numbers in no order, by a formula."""
    return 3 * np.sin(np.arange(np.prod(shape)) * 1.7 + start).reshape(shape)


def windows(x, kernel, stride, padding, fill):
    """Give every window of the padded images and its place among the results."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    rows = (padded.shape[2] - kernel[0]) // stride[0] + 1
    columns = (padded.shape[3] - kernel[1]) // stride[1] + 1
    for i, j in itertools.product(range(rows), range(columns)):
        top, left = i * stride[0], j * stride[1]
        key = (..., slice(top, top + kernel[0]), slice(left, left + kernel[1]))
        yield (i, j), (rows, columns), key, padded[key]


def cropped(padded, padding, shape):
    return padded[..., padding : padding + shape[2], padding : padding + shape[3]]


def convolved(x, w, b, stride, padding, g):
    """Give the value and the gradients of a convolution, window by window."""
    pad = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))
    out, dw = [], np.zeros(w.shape)
    for (i, j), _, key, window in windows(x, w.shape[2:], (stride, stride), padding, 0):
        out.append(np.einsum("nchw,ochw->no", window, w) + b)
        pad[key] += np.einsum("no,ochw->nchw", g[:, :, i, j], w)
        dw += np.einsum("no,nchw->ochw", g[:, :, i, j], window)
    value = np.stack(out, axis=-1).reshape(g.shape)
    return value, [cropped(pad, padding, x.shape), dw, g.sum(axis=(0, 2, 3))]


@given(case=convolutions(), scratch=st.sampled_from([1, 300, 2000, convolution.SCRATCH_BYTES]))
@modestly
def test_a_convolution_agrees_with_a_loop_over_windows(case, scratch):
    """Value and all gradients, however the work is cut into blocks."""
    images, kernels, stride, padding = case
    arrays = [numbers(images, 0), numbers(kernels, 1), numbers(kernels[:1], 2)]
    tensors = [Tensor(array, requires_grad=True, dtype="float64") for array in arrays]
    before, convolution.SCRATCH_BYTES = convolution.SCRATCH_BYTES, scratch
    try:
        out = ops.conv2d(*tensors, stride=stride, padding=padding)
        g = numbers(out.shape, 3)
        out.backward(g)
    finally:
        convolution.SCRATCH_BYTES = before
    value, gradients = convolved(*arrays, stride, padding, g)
    np.testing.assert_allclose(out.data, value, rtol=1e-10, atol=1e-12)
    for tensor, expected in zip(tensors, gradients, strict=True):
        np.testing.assert_allclose(tensor.grad, expected, rtol=1e-10, atol=1e-12)


@given(case=pools(), levels=st.sampled_from([2, 1000]))
@modestly
def test_a_max_pool_agrees_with_a_loop_over_windows(case, levels):
    """Also where many elements are equal: the first largest one gets the gradient."""
    shape, kernel, stride, padding = case
    array = np.round(numbers(shape, 0) * levels) / levels
    x = Tensor(array, requires_grad=True, dtype="float64")
    out = ops.max_pool2d(x, kernel_size=kernel, stride=stride, padding=padding)
    g = numbers(out.shape, 1)
    out.backward(g)
    pad, value = np.zeros((*shape[:2], shape[2] + 2 * padding, shape[3] + 2 * padding)), np.zeros(out.shape)
    for (i, j), _, key, window in windows(array, kernel, stride, padding, -np.inf):
        flat = window.reshape(*shape[:2], -1)
        value[..., i, j] = flat.max(axis=-1)
        first = np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
        pad[key] += (first * g[..., i, j, None]).reshape(window.shape)
    np.testing.assert_array_equal(out.data, value)
    np.testing.assert_allclose(x.grad, cropped(pad, padding, shape), rtol=1e-12, atol=1e-14)


@given(case=pools())
@modestly
def test_an_average_pool_agrees_with_a_loop_over_windows(case):
    """The zeros of the padding count."""
    shape, kernel, stride, padding = case
    array = numbers(shape, 0)
    x = Tensor(array, requires_grad=True, dtype="float64")
    out = ops.avg_pool2d(x, kernel_size=kernel, stride=stride, padding=padding)
    g = numbers(out.shape, 1)
    out.backward(g)
    pad, value = np.zeros((*shape[:2], shape[2] + 2 * padding, shape[3] + 2 * padding)), np.zeros(out.shape)
    for (i, j), _, key, window in windows(array, kernel, stride, padding, 0):
        value[..., i, j] = window.mean(axis=(2, 3))
        pad[key] += g[..., i, j, None, None] / np.prod(kernel)
    np.testing.assert_allclose(out.data, value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(x.grad, cropped(pad, padding, shape), rtol=1e-12, atol=1e-14)
