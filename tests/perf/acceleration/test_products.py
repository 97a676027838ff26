"""Matrix products of the acceleration module: what they compute, their gradients, what they refuse."""

import numpy as np
import pytest

from tinytorch import Tensor
from tinytorch.core.autograd import gradcheck
from tinytorch.perf import trace
from tinytorch.perf.acceleration import Accelerator, products, tiled_matmul, vectorized_matmul

RNG = np.random.default_rng(0)
SHAPES = [
    ((5, 7), (7, 3)),
    ((1, 1), (1, 1)),
    ((70, 130), (130, 65)),
    ((2, 3, 5, 7), (7, 3)),
    ((5, 7), (4, 7, 3)),
    ((2, 1, 5, 7), (3, 7, 2)),
    ((0, 7), (7, 3)),
    ((5, 0), (0, 3)),
]
BOTH = pytest.mark.parametrize("multiply", [vectorized_matmul, tiled_matmul, Accelerator.optimized_matmul])


@pytest.mark.parametrize("tile_size", [1, 16, 32, 64, 1000])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_tiles_give_the_product(shapes, tile_size):
    """Whatever is left over at the edges, and for batches."""
    if tile_size == 1 and max(shapes[0]) > 10:
        pytest.skip("half a million products of single numbers")
    a, b = (RNG.normal(size=shape).astype(np.float32) for shape in shapes)
    found = tiled_matmul(Tensor(a), Tensor(b), tile_size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.data, vectorized_matmul(a, b).data, rtol=1e-5, atol=1e-5)


def test_every_product_is_of_tiles(monkeypatch):
    """No operand is ever larger than a tile: the size is not ignored."""
    seen = []

    class Watched(np.ndarray):
        def __matmul__(self, other):
            seen.append((self.shape, other.shape))
            return np.asarray(self) @ np.asarray(other)

    a, b = RNG.normal(size=(10, 9)), RNG.normal(size=(9, 8))
    found = products._by_tiles(a.view(Watched), b, 4)
    assert np.allclose(found, a @ b)
    assert len(seen) == 3 * 3 * 2
    assert all(max(*left, *right) <= 4 for left, right in seen)


@BOTH
@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 2))], ids=str)
def test_products_are_differentiable(multiply, shapes):
    """Both operands, broadcast axes summed."""
    a, b = (Tensor(RNG.normal(size=shape), requires_grad=True, dtype="float64") for shape in shapes)
    assert gradcheck(multiply, a, b)


def test_tiles_are_used_on_the_way_back_too(monkeypatch):
    """The rules are products by tiles of the same size."""
    sizes, real = [], products._by_tiles
    monkeypatch.setattr(products, "_by_tiles", lambda a, b, size: sizes.append(size) or real(a, b, size))
    a, b = Tensor(np.ones((3, 4)), requires_grad=True), Tensor(np.ones((4, 2)), requires_grad=True)
    tiled_matmul(a, b, 2).sum().backward()
    assert sizes == [2, 2, 2]


@BOTH
@pytest.mark.parametrize("shapes", [((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((), (3, 2))], ids=str)
def test_vectors_are_refused(multiply, shapes):
    """A row and a column are matrices; a vector could be either."""
    with pytest.raises(ValueError, match=r"must be 2D\+"):
        multiply(*(Tensor(np.ones(shape)) for shape in shapes))


@BOTH
def test_shapes_that_do_not_fit_are_refused(multiply):
    """The message has the shapes and what does not fit."""
    with pytest.raises(
        ValueError, match=r"\(2, 3\) @ \(4, 5\), a shape mismatch. Inner dimensions must match: 3 columns"
    ):
        multiply(Tensor(np.ones((2, 3))), Tensor(np.ones((4, 5))))


@BOTH
def test_leading_axes_that_do_not_fit_are_refused(multiply):
    """Two matrices beside three."""
    with pytest.raises(ValueError, match=r"\(2, 3, 4\) and \(3, 4, 5\)"):
        multiply(Tensor(np.ones((2, 3, 4))), Tensor(np.ones((3, 4, 5))))


@pytest.mark.parametrize("size", [0, -1, 1.5, True, float("nan"), None])
def test_a_tile_that_cannot_be_is_refused(size):
    """Before anything is multiplied."""
    with pytest.raises(ValueError, match="tile_size must be a whole number above 0"):
        tiled_matmul(Tensor(np.ones((2, 2))), Tensor(np.ones((2, 2))), size)


def test_a_graph_has_the_product_and_not_its_tiles():
    """What compiles the graph cuts it up by itself."""
    x, w = Tensor(np.ones((2, 3))), Tensor(np.ones((3, 2)))
    assert [step.op for step in trace(lambda x: tiled_matmul(x, w), x).steps] == ["matmul"]
