"""Ops that go through arrays in pieces: results do not show where they are cut."""

import numpy as np
import pytest

from tinytorch.core import ops
from tinytorch.core.ops.chunks import CHUNK, chunks
from tinytorch.core.tensor import Tensor


def random(*shape, seed):
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, dtype="float64")


@pytest.mark.parametrize(
    ("count", "width"), [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 1), (10, CHUNK // 3), (3, CHUNK * 2)]
)
def test_pieces_cover_all_rows_once_and_in_order(count, width):
    """None is empty, none is too large, unless a single row is."""
    pieces = list(chunks(count, width))
    assert [row for piece in pieces for row in range(count)[piece]] == list(range(count))
    sizes = [piece.stop - piece.start for piece in pieces]
    assert all(0 < size * width <= max(CHUNK, width) for size in sizes)


@pytest.mark.parametrize(
    ("op", "shapes"), [(ops.gelu, [(5, 7)]), (ops.layer_norm, [(5, 7), (7,), (7,)])], ids=["gelu", "layer_norm"]
)
def test_small_pieces_give_what_one_gives(op, shapes, monkeypatch):
    """Value and gradients, with a last piece that is shorter."""
    found = []
    for size in (10**9, 16):
        monkeypatch.setattr("tinytorch.core.ops.chunks.CHUNK", size)
        tensors = [random(*shape, seed=at) for at, shape in enumerate(shapes)]
        out = op(*tensors)
        out.backward(np.random.default_rng(9).normal(size=out.shape))
        found.append([out.data, *(tensor.grad for tensor in tensors)])
    for whole, cut in zip(*found, strict=True):
        assert np.allclose(whole, cut, rtol=1e-13, atol=1e-14)


def test_gelu_of_strided_and_whole_numbers():
    """What cannot be cut where it lies is copied; whole numbers become floats."""
    x = random(6, 4, seed=1)
    turned = ops.gelu(ops.transpose(x))
    turned.backward(np.ones((4, 6)))
    assert np.array_equal(turned.data, ops.gelu(x).data.T)
    assert ops.gelu(Tensor([1, 2], dtype="int64")).dtype == "float64"
