"""What a model weighs."""

import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy

from tinytorch.benchmarking import memory
from tinytorch.benchmarking.memory import (
    count_elements,
    inference_peak_bytes,
    serialized_bytes,
    stored_bytes,
    weigh,
)
from tinytorch.core.layers import Layer, Linear, Sequential

ARRAY = np.zeros((4, 3), dtype=np.float32)
PARAMETER = SimpleNamespace(data=ARRAY)
DUCKS = {
    "parameters": SimpleNamespace(parameters=lambda: [PARAMETER]),
    "named parameters": SimpleNamespace(named_parameters=lambda: iter([("weight", PARAMETER)])),
    "arrays as parameters": SimpleNamespace(parameters=lambda: [ARRAY]),
    "layers": SimpleNamespace(layers=[SimpleNamespace(weight=PARAMETER, bias=None)]),
    "weight": SimpleNamespace(weight=PARAMETER),
    "state": SimpleNamespace(state_dict=lambda: {"weight": ARRAY}),
}


class WithBuffer(Layer):
    """A layer with a parameter and an array that is no parameter."""

    def __init__(self):
        self.linear = Linear(4, 3)
        self.running_mean = np.zeros(10, dtype=np.float64)


class Tied(Layer):
    """A layer that uses one weight twice."""

    def __init__(self):
        self.first = Linear(5, 5, bias=False)
        self.second = Linear(5, 5, bias=False)
        self.second.weight = self.first.weight


def test_bytes_are_those_of_the_arrays():
    """4 by 3 and 3 numbers of four bytes each."""
    assert (stored_bytes(Linear(4, 3)), count_elements(Linear(4, 3))) == (60, 15)


def test_a_float64_model_is_twice_as_large():
    """Size is what is stored, not four bytes a parameter."""
    assert stored_bytes(Linear(4, 3).astype(np.float64)) == 120


def test_a_buffer_has_bytes_and_is_no_parameter():
    """A running mean has to be stored too."""
    assert (stored_bytes(WithBuffer()), count_elements(WithBuffer())) == (60 + 80, 15)


def test_a_shared_array_counts_once():
    """Tied weights are stored once, whatever names they have."""
    assert (stored_bytes(Tied()), count_elements(Tied())) == (100, 25)


def test_two_tensors_on_one_array_count_once():
    """What is shared is the memory."""
    first, second = Linear(5, 5, bias=False), Linear(5, 5, bias=False)
    second.weight.data = first.weight.data
    assert stored_bytes(Sequential(first, second)) == 100


def test_a_frozen_model_is_as_large_as_before():
    """Numbers that are not trained are still numbers."""
    model = Linear(4, 3)
    model.weight.requires_grad = model.bias.requires_grad = False
    assert (stored_bytes(model), count_elements(model)) == (60, 15)


@pytest.mark.parametrize("model", DUCKS.values(), ids=DUCKS.keys())
def test_a_model_of_any_make_is_counted(model):
    """Whatever it shows is found: no base class is needed."""
    assert (stored_bytes(model), count_elements(model)) == (48, 12)


@pytest.mark.parametrize("model", [lambda x: x, object(), SimpleNamespace(parameters=list)])
def test_a_model_that_shows_nothing_has_no_bytes(model):
    """Nothing is invented."""
    assert (stored_bytes(model), count_elements(model)) == (0, 0)


def test_a_pytorch_model_is_counted_with_its_buffers():
    """Batch normalization has two parameters of 8, two buffers of 8, and a count of eight bytes."""
    torch = pytest.importorskip("torch")
    assert stored_bytes(torch.nn.BatchNorm1d(8)) == 4 * 8 * 4 + 8
    assert count_elements(torch.nn.BatchNorm1d(8)) == 16


def test_peak_memory_is_what_a_call_held_at_once():
    """Half a mebibyte twice, of which one at a time."""

    def call():
        for _ in range(2):
            np.zeros(2**19, dtype=np.uint8)

    assert 2**19 <= inference_peak_bytes(call) < 2**19 + 2**16


def test_memory_held_before_the_call_is_not_counted():
    """Only what the inference itself needs."""
    kept = np.zeros(2**20, dtype=np.uint8)
    assert inference_peak_bytes(lambda: kept[0]) < 2**16


def test_tracing_that_was_on_stays_on():
    """Somebody else's measurement goes on."""
    tracemalloc.start()
    try:
        inference_peak_bytes(lambda: None)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_tracing_ends_with_the_measurement_even_after_an_error():
    """It slows everything down that comes after."""
    counts = iter([1, 0])  # the untraced call succeeds
    with pytest.raises(ZeroDivisionError):
        inference_peak_bytes(lambda: 1 / next(counts))
    assert not tracemalloc.is_tracing()


def test_a_model_without_a_state_is_as_large_as_what_it_saves():
    """In as many files as it likes."""
    model = SimpleNamespace(save=lambda path: Path(path).write_bytes(b"12345"))
    assert serialized_bytes(model) == 5


def test_a_model_of_ours_is_as_large_as_its_file(tmp_path):
    """Header and all."""
    model = Linear(30, 20)
    model.save(tmp_path / "m.safetensors")
    assert serialized_bytes(model) == (tmp_path / "m.safetensors").stat().st_size


def test_any_other_is_as_large_as_its_state_in_a_file():
    """Here 8 bytes of length, a header, and 48 bytes of numbers."""
    model = SimpleNamespace(state_dict=lambda: {"weight": ARRAY})
    assert serialized_bytes(model) == len(safetensors.numpy.save({"weight": ARRAY}))


def test_a_model_that_shows_nothing_has_no_size_in_a_file():
    """Unknown is none."""
    assert serialized_bytes(object()) is None


def test_weighing_gives_every_weight():
    """And none of each without a model."""
    model = Linear(30, 20)
    expected = {"stored_bytes": 620 * 4, "serialized_bytes": serialized_bytes(model), "parameter_count": 620}
    assert (weigh(model), weigh(None)) == (expected, dict.fromkeys(expected))


def test_the_file_needs_the_standard_library_only():
    """Worker processes load it by its place."""
    probe = (
        f"import runpy, sys; runpy.run_path({memory.__file__!r}); print(*{{n.partition('.')[0] for n in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True)
    assert {"numpy", "tinytorch", "safetensors"} & set(done.stdout.split()) == set()
