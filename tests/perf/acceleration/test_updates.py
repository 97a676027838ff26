"""The steps of optimizers by kernels: bit for bit what NumPy gives."""

import numpy as np
import pytest

from contracts.optimizer_samples import ROWS
from tinytorch import SGD, Adam, AdamW, Tensor
from tinytorch.core.updates import UPDATES
from tinytorch.perf.acceleration import UPDATE_TWINS, accelerate, updates
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.threads import default_threads

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "sgd, decay": lambda p: SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "momentum, decay": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": Adam,
    "adam, decay": lambda p: Adam(p, weight_decay=0.1),
    "adamw": lambda p: AdamW(p, lr=0.01, weight_decay=0.1),
}


def parameters(shapes, dtype="float32", order="C"):
    """Make parameters whose gradients have zeros, tiny and huge numbers."""
    rng = np.random.default_rng(3)
    found = []
    for shape in shapes:
        tensor = Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype)
        tensor.data = np.array(tensor.data, order=order)
        scale = 10.0 ** rng.integers(-20, 8, shape) * (rng.random(shape) < 0.9)
        tensor.grad = (rng.normal(size=shape) * scale).astype(dtype)
        found.append(tensor)
    return found


def after_steps(make, tensors, steps=4):
    """Give all parameters and buffers after some steps, as bytes."""
    optimizer = make(tensors)
    for _ in range(steps):
        optimizer.step()
    buffers = [b for name in optimizer.buffers for b in getattr(optimizer, name) if b is not None]
    return [array.tobytes() for array in (*(t.data for t in tensors), *buffers)]


def test_every_update_has_a_twin():
    """And there is no twin of what is none."""
    assert set(UPDATE_TWINS) == set(UPDATES)
    assert {row.kind for row in ROWS} == {SGD, Adam, AdamW}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("case", ["C", "F", "float64", "0-d", "empty"])
def test_steps_are_the_same_bit_for_bit(name, case):
    """Whether the kernel serves them or NumPy does."""
    shapes = {"0-d": [()], "empty": [(0, 3)]}.get(case, [(7, 33), (1000,), (1,)])
    options = {"dtype": "float64"} if case == "float64" else {"order": "F"} if case == "F" else {}
    expected = after_steps(OPTIMIZERS[name], parameters(shapes, **options))
    with accelerate(list(UPDATE_TWINS), threads=1):
        assert after_steps(OPTIMIZERS[name], parameters(shapes, **options)) == expected


@pytest.mark.parametrize("name", ["momentum", "adamw"])
def test_threads_change_nothing(name):
    """A parameter that is shared by two."""
    shapes = [(updates.SHARED + 5,)]
    expected = after_steps(OPTIMIZERS[name], parameters(shapes), 2)
    with accelerate(threads=min(2, default_threads())):
        assert after_steps(OPTIMIZERS[name], parameters(shapes), 2) == expected


def test_what_is_served_never_comes_to_numpy(monkeypatch):
    """Contiguous float32 of any size."""
    for name, entry in UPDATES.items():
        monkeypatch.setattr(entry, "run", lambda *_, name=name: pytest.fail(name))
    with accelerate(list(UPDATE_TWINS), threads=1):
        for make in OPTIMIZERS.values():
            after_steps(make, parameters([(3, 4), ()]))


def test_numbers_that_are_none_spread_as_they_do_in_numpy():
    """NaN and infinity in a gradient."""
    tensors = [parameters([(64,)])[0] for _ in range(2)]
    for tensor in tensors:
        tensor.grad[:3] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        expected = after_steps(Adam, tensors[:1])
    with accelerate(["adam"], threads=1):
        after_steps(Adam, tensors[1:])
    first, second = (tensor.data for tensor in tensors)
    assert np.array_equal(first, second, equal_nan=True)
    assert len(expected) == 3


def test_a_read_only_parameter_is_refused():
    """By NumPy, with its words."""
    tensor = parameters([(64,)])[0]
    tensor.data.setflags(write=False)
    with accelerate(threads=1), pytest.raises(ValueError, match="read-only"):
        SGD([tensor]).step()
