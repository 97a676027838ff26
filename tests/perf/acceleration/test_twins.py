"""Every compiled twin of an op, by enumeration: it gives what the NumPy function gives that defines it."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.samples import ROWS as OP_ROWS
from perf.acceleration.twin_samples import ROWS, SEED
from tinytorch.core.ops import OPS
from tinytorch.perf.acceleration import TWINS, accelerate
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.threads import default_threads

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

COMPILED = [form for form in forms.possible_forms() if form not in {"amx", "plain", "numpy"}]  # one a width of vectors
LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "backwards": lambda x: x[::-1].copy()[::-1] if x.ndim else x,
}

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def most_threads():
    """Give how many threads there can be here."""
    return default_threads()


def results(run, arrays, options):
    """Give the value of a function on arrays and the gradient of each input."""
    value, rules = run(*arrays, **options)
    value = np.asarray(value)
    g = np.random.default_rng(SEED + 1).normal(size=value.shape).astype(value.dtype)
    return [value, *(rule(g) for rule in rules if rule is not None)]


def require_close(found, expected, least=1e-6):
    """Compare sums of many products: the error grows with their size, not with each one's; `least` bounds it below."""
    assert [part.dtype for part in found] == [part.dtype for part in expected]
    for part, wanted in zip(found, expected, strict=True):
        scale = float(np.abs(wanted).max(initial=least))
        np.testing.assert_allclose(part, wanted, rtol=3e-5, atol=1e-5 * scale)


def test_every_twin_has_a_row_that_it_serves():
    """A new twin is tested by the rows that it must have."""
    assert {row.op for row in ROWS if row.served} == set(TWINS)
    assert set(TWINS) <= set(OPS)


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("threads", [1, 2])
@every_row
def test_a_twin_gives_what_numpy_gives(monkeypatch, row, threads, form):
    """The value and every gradient, by one thread and by two."""
    monkeypatch.setenv(VARIABLE, form)
    expected = results(OPS[row.op].run, row.arrays(), row.options)
    with accelerate([row.op], threads=min(threads, most_threads())):
        require_close(results(TWINS[row.op], row.arrays(), row.options), expected)


@every_row
def test_a_twin_serves_what_its_row_says(monkeypatch, row):
    """NumPy's function is called for nothing else."""
    calls = []
    run = OPS[row.op].run
    monkeypatch.setitem(OPS, row.op, replace(OPS[row.op], run=lambda *x, **o: calls.append(1) or run(*x, **o)))
    TWINS[row.op](*row.arrays(), **row.options)
    assert (not calls) == row.served


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@every_row
def test_a_twin_takes_arrays_of_any_layout(row, layout, dtype):
    """Inputs are what users have: views, transposed, doubles."""
    arrays = [LAYOUTS[layout](x) for x in row.arrays(dtype)]
    require_close(results(TWINS[row.op], arrays, row.options), results(OPS[row.op].run, arrays, row.options))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "contiguous"])
@every_row
def test_a_rule_takes_gradients_of_any_layout(row, layout):
    """What comes in from the next op is a view at times, or repeated without memory of its own."""
    found, expected = (run(*row.arrays(), **row.options) for run in (TWINS[row.op], OPS[row.op].run))
    whole = np.asarray(np.random.default_rng(SEED + 1).normal(size=np.shape(expected[0])), np.float32)
    for g in (LAYOUTS[layout](whole), np.broadcast_to(whole[:1] if whole.ndim else whole, whole.shape)):
        pairs = [(a(g), b(g)) for a, b in zip(found[1], expected[1], strict=True) if b is not None]
        require_close([a for a, _ in pairs], [b for _, b in pairs], least=0.1 * float(np.abs(g).max(initial=0)))


@pytest.mark.parametrize("row", [row for row in OP_ROWS if row.op in TWINS], ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_twin_does_the_rows_of_its_op(row, dtype):
    """Every case that could go wrong on its own in the op could in the twin."""
    arrays = row.arrays(dtype)
    require_close(results(TWINS[row.op], arrays, row.options), results(OPS[row.op].run, arrays, row.options))


@every_row
def test_the_same_threads_give_the_same_bits(row):
    """Which thread is first decides nothing."""
    for threads in {1, min(2, most_threads())}:
        with accelerate([row.op], threads=threads):
            first, second = (results(TWINS[row.op], row.arrays(), row.options) for _ in range(2))
        assert [part.tobytes() for part in first] == [part.tobytes() for part in second]


@every_row
def test_a_twin_leaves_its_inputs_alone(row):
    """Neither it nor its rules write to what they are given."""
    arrays = row.arrays()
    results(TWINS[row.op], arrays, row.options)
    assert [x.tobytes() for x in arrays] == [x.tobytes() for x in row.arrays()]


def test_the_largest_of_equals_and_of_nothing_comparable_is_the_same_element():
    """The first of equals, row by row, and what the op takes where NaN is among them."""
    values = np.array([np.nan, 0, 1, 1], np.float32)
    x = np.stack(np.meshgrid(values, values, values, values), axis=-1).reshape(1, -1, 2, 2)
    found, expected = (run(x, kernel_size=2) for run in (TWINS["max_pool2d"], OPS["max_pool2d"].run))
    assert found[0].tobytes() == expected[0].tobytes()
    g = np.arange(1, x.shape[1] + 1, dtype=np.float32).reshape(1, -1, 1, 1)
    assert np.array_equal(found[1][0](g), expected[1][0](g))
