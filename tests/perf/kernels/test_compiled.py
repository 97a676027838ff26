"""The compiled kernels: their widths, their place on disk, and what they do with arrays of another kind."""

import hashlib
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tinytorch.perf.kernels import VARIABLE, dense, forms
from tinytorch.perf.kernels.dense import CURVES, Dense, aligned, chain_by_numpy, pack_chain, panels, unpanel

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

RNG = np.random.default_rng(0)
COMPILED = [form for form in forms.possible_forms() if form != "numpy"]


def floats(*shape):
    """Give float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("rows", [1, 2, 5, 6, 95, 96, 100])
@pytest.mark.parametrize("sizes", [(3, 5), (16, 16, 8), (20, 130, 31, 64), (7, 1, 2)], ids=str)
def test_a_chain_is_its_twin(monkeypatch, form, rows, sizes):
    """With every curve, in vectors of 16 and of 8."""
    monkeypatch.setenv(VARIABLE, form)
    for curve in CURVES:
        layers = [Dense(floats(a, b) / np.float32(np.sqrt(a)), floats(b), curve) for a, b in pairwise(sizes)]
        chain, x, out = pack_chain(layers), floats(rows, sizes[0]), np.empty((rows, sizes[-1]), np.float32)
        chain.kernel()(x, chain.weights, chain.layout, chain.scratch(rows), out)
        assert out == pytest.approx(chain_by_numpy(x, layers), rel=1e-5, abs=3e-6)


@pytest.mark.parametrize("curve", ["sigmoid", "tanh", "gelu"])
def test_curves_are_right_over_their_whole_range(curve):
    """From where they begin to where they are flat, and beyond what an exponential can hold."""
    x = np.linspace(-100, 100, 40_001, dtype=np.float32)[:, None]
    layers = [Dense(np.ones((1, 1), np.float32), None, curve)]
    chain, out = pack_chain(layers), np.empty_like(x)
    chain.kernel()(x, chain.weights, chain.layout, chain.scratch(len(x)), out)
    assert np.abs(out - chain_by_numpy(x.astype(np.float64), layers)).max() < 2e-6
    assert np.isfinite(out).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("curve", ["sigmoid", "tanh", "gelu"])
def test_curves_are_right_as_far_as_floats_go(curve):
    """GELU divides by what an exponential can hold, and numbers can be larger; at infinity it is NaN, as in NumPy."""
    powers = np.float32(10) ** np.arange(2, 39, dtype=np.float32)
    x = np.concatenate([-powers, powers, np.float32([-3.4e38, 3.4e38, -np.inf, np.inf, np.nan])])[:, None]
    layers = [Dense(np.ones((1, 1), np.float32), None, curve)]
    chain, out = pack_chain(layers), np.empty_like(x)
    chain.kernel()(x, chain.weights, chain.layout, chain.scratch(len(x)), out)
    assert out == pytest.approx(chain_by_numpy(x, layers), rel=1e-6, abs=2e-6, nan_ok=True)


def test_a_layer_is_read_from_the_first_element_to_the_last():
    """A panel of four vectors, one of two, one of one; pairs of rows side by side in each."""
    matrix = np.arange(3 * 7).reshape(3, 7)
    packed = panels(matrix, lanes=2, group=2)
    assert packed[:8].tolist() == [0, 7, 1, 8, 2, 9, 3, 10]
    assert packed[8:16].tolist() == [14, 0, 15, 0, 16, 0, 17, 0]
    assert packed.size == 4 * 8


@pytest.mark.parametrize("lanes", [2, 8, 16])
@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (9, 130), (4, 64)])
def test_panels_can_be_undone(lanes, group, shape):
    """Without their padding."""
    matrix = RNG.integers(-127, 128, shape).astype(np.int8)
    assert np.array_equal(unpanel(panels(matrix, lanes, group), shape, lanes, group), matrix)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (64, 2)])
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_aligned_arrays_start_at_a_cache_line(shape, kind):
    """Of any shape and kind."""
    array = aligned(shape, kind)
    assert (array.ctypes.data % 64, array.shape, array.dtype) == (0, shape, np.dtype(kind))


def test_other_kinds_of_arrays_are_refused():
    """No call compiles again, silently and for a second."""
    chain = pack_chain([Dense(floats(4, 4))])
    with pytest.raises(TypeError, match="No matching definition"):
        chain.kernel()(floats(4, 4).T, chain.weights, chain.layout, chain.scratch(4), floats(4, 4))


@pytest.mark.parametrize(
    ("file", "name", "of"),
    [
        ("compiled", "TILES", "tiles"),
        ("compiled", "CURVES", "compiled_curves"),
        ("compiled_bytes", "BASE", "tiles"),
        ("compiled_bytes", "LOOPS", "compiled"),
        ("compiled_bytes", "TILES", "byte_tiles"),
        ("compiled_convolution", "LOOPS", "compiled"),
        ("compiled_curves", "TILES", "tiles"),
        ("compiled_decoding", "LOOPS", "compiled"),
        ("compiled_decoding", "CURVES", "compiled_curves"),
        ("compiled_nibbles", "BASE", "tiles"),
        ("compiled_nibbles", "LOOPS", "compiled"),
        ("compiled_nibbles", "TILES", "nibble_tiles"),
        ("compiled_attention", "PRODUCTS", "compiled_products"),
        ("compiled_attention", "ROWS", "compiled_rows"),
        ("compiled_linear", "LOOPS", "compiled"),
        ("compiled_linear", "TILES", "product_tiles"),
        ("compiled_products", "TILES", "product_tiles"),
        ("compiled_rows", "CURVES", "compiled_curves"),
        ("compiled_sparse", "CURVES", "compiled_curves"),
    ],
)
def test_the_cache_on_disk_notices_a_change_of_what_is_called(file, name, of):
    """Numba looks at the file of the function only, so that file names the state of the other."""
    module, other = (import_module(f"tinytorch.perf.kernels.{each}") for each in (file, of))
    found = hashlib.sha256(Path(other.__file__).read_bytes()).hexdigest()[:16]
    assert found == getattr(module, name), f"write this hash into {name} of src/tinytorch/perf/kernels/{file}.py"


def test_the_cache_on_disk_notices_a_change_of_the_tiles_of_windows():
    """They are made of the other tiles' parts, so both files count."""
    from tinytorch.perf.kernels import compiled_windows, tiles, window_tiles

    text = b"".join(Path(module.__file__).read_bytes() for module in (tiles, window_tiles))
    found = hashlib.sha256(text).hexdigest()[:16]
    assert found == compiled_windows.TILES, (
        "write this hash into TILES of src/tinytorch/perf/kernels/compiled_windows.py"
    )


def test_kernels_compile_where_nothing_can_be_written(monkeypatch):
    """Numba refuses to cache then; the function works all the same."""
    from tinytorch.perf.kernels import caching

    real, seen = caching.numba.njit, []

    def njit(*arguments, cache=False, **options):
        seen.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*arguments, **options)

    monkeypatch.setattr(caching.numba, "njit", njit)
    assert caching.cached(lambda x: x + 1)(2) == 3
    assert seen[:2] == [True, False]  # then Numba's own files, which are imported when it first compiles


def test_a_full_disk_does_not_stop_a_kernel():
    """What is compiled before a cache entry fails to be written is kept."""
    from tinytorch.perf.kernels import caching

    class Unwritable:
        attempts = 0
        closed = False

        def compile(self, _):
            self.attempts += 1
            if self.attempts < 4:
                raise OSError(28, "No space left on device")

        def disable_compile(self):
            self.closed = True

    function = caching.specialized(Unwritable(), ())
    assert (function.attempts, function.closed) == (4, True)


def test_the_curves_have_the_numbers_that_the_kernel_knows():
    """0 and 1 are done in the tile, the others by `curved`."""
    assert dense.CURVES == {"none": 0, "relu": 1, "sigmoid": 2, "tanh": 3, "gelu": 4}
