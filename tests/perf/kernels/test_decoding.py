"""One step of a language model: the compiled form beside the twin that defines it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tinytorch import GPT, Tensor, manual_seed
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.decoding import CompiledStep, step_by_numpy
from tinytorch.perf.memoization.doors import make_cache
from tinytorch.perf.memoization.weights import decoder_of
from tinytorch.perf.quantization import quantize

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

COMPILED = [form for form in forms.possible_forms() if form != "numpy"]
SIZES = {"one of each": (5, 8, 1, 1), "odd widths": (37, 15, 2, 3), "several vectors": (130, 96, 2, 3)}


def setting(size, rows, tied=False, quantized=False, dtype="float32"):
    """Make a model, its weights for a step, and a cache with random tokens in it."""
    manual_seed(1)
    vocabulary, width, blocks, heads = SIZES[size]
    gpt = GPT(vocabulary, width, blocks, heads, 12, tie_weights=tied).eval()
    rng = np.random.default_rng(0)
    for tensor in gpt.parameters():
        tensor.data += rng.normal(0, 0.1, tensor.shape).astype(np.float32)
    memory = make_cache(gpt, rows, 12, dtype)
    for block in range(blocks):
        memory.update(block, *(Tensor(rng.normal(size=(rows, heads, 12, width // heads))) for _ in range(2)))
    return decoder_of(quantize(gpt) if quantized else gpt), memory, rng.integers(0, vocabulary, (rows, 1))


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied"])
@pytest.mark.parametrize("rows", [1, 2, 8, 13])
@pytest.mark.parametrize("size", SIZES)
def test_a_step_is_its_twin(monkeypatch, form, tied, rows, size):
    """Logits and what is written into the cache, at the first position, at one between, and at the last."""
    monkeypatch.setenv(VARIABLE, form)
    decoder, memory, tokens = setting(size, rows, tied)
    assert_alike(decoder, memory, tokens, logits=1e-5, kept=1e-5)


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, 7])
def test_a_step_with_a_cache_of_bytes_is_its_twin(monkeypatch, form, size, rows):
    """Whole numbers differ by one where a rounding decides; the results by what that is worth."""
    monkeypatch.setenv(VARIABLE, form)
    assert_alike(*setting(size, rows, dtype="int8"), logits=0.02, kept=1)


@pytest.mark.parametrize(
    ("form", "tied"), [*((form, False) for form in COMPILED), (COMPILED[0] if COMPILED else "numpy", True)]
)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, 7])
def test_a_step_on_bytes_is_its_twin(monkeypatch, form, size, rows, tied):
    """Activations differ by one step where a rounding decides; a head of floats may stand behind."""
    monkeypatch.setenv(VARIABLE, form)
    assert_alike(*setting(size, rows, tied, quantized=True), logits=0.03, kept=0.03)


def test_a_first_step_on_bytes_is_the_twin_to_rounding(monkeypatch):
    """Where nothing is rounded differently: most results are alike to 1e-5, as those of one wrong scale were not."""
    decoder, memory, tokens = setting("several vectors", 13, quantized=True)
    expected = step_by_numpy(decoder, tokens, memory)
    found = CompiledStep(decoder).run(tokens, memory)
    assert np.median(np.abs(found - expected)) < 1e-3 * np.abs(expected).max()


def assert_alike(decoder, memory, tokens, logits, kept):
    """Compare logits and what is written, at the first position, at one between, and at the last."""
    step = CompiledStep(decoder)
    for position in (0, 7, 11):
        memory.seq_pos = position
        expected = step_by_numpy(decoder, tokens, memory)
        written = [array[:, :, :, position].copy() for array in memory.arrays()]
        for array in memory.arrays():
            array[:, :, :, position] = 99
        limit = logits * max(1.0, float(np.abs(expected).max()))
        assert np.abs(step.run(tokens, memory) - expected).max() <= limit
        for found, wanted in zip(memory.arrays(), written, strict=True):
            difference = found[:, :, :, position].astype(np.float64) - wanted
            assert np.abs(difference).max() <= kept * (1 if found.dtype == np.int8 else max(1, np.abs(wanted).max()))
        assert memory.seq_pos == position


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("quantized", [False, True], ids=["floats", "bytes"])
@pytest.mark.parametrize("rows", [1, 4])
def test_several_tokens_at_once_are_the_twins(monkeypatch, form, dtype, quantized, rows):
    """From the first position on, and from one between to the end; sixteen rows and more go through tiles of AMX."""
    monkeypatch.setenv(VARIABLE, form)
    decoder, memory, _ = setting("several vectors", rows, quantized=quantized, dtype=dtype)
    rough = quantized or dtype == "int8"
    for start, stop in ((0, 9), (5, 12)):
        memory.seq_pos = start
        tokens = np.random.default_rng(2).integers(0, 130, (rows, stop - start))
        expected, kept = step_by_numpy(decoder, tokens, memory), [array.copy() for array in memory.arrays()]
        found = CompiledStep(decoder).run(tokens, memory)
        assert np.abs(found - expected).max() <= (0.05 if rough else 1e-5) * max(1.0, float(np.abs(expected).max()))
        if not rough:
            assert all(map(np.allclose, memory.arrays(), kept, [1e-5] * 2, [1e-5] * 2))


def test_scores_of_any_size_are_held():
    """No exponential overflows: the largest score is taken off first."""
    decoder, memory, tokens = setting("odd widths", 2, tied=False)
    memory.keys[...] *= 1e4
    memory.seq_pos = 9
    expected = step_by_numpy(decoder, tokens, memory)
    assert CompiledStep(decoder).run(tokens, memory) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_cache_on_disk_notices_a_change_of_the_loops():
    """Numba looks at the file of the function only, so that file names the state of the other."""
    from tinytorch.perf.kernels import compiled, compiled_decoding

    found = hashlib.sha256(Path(compiled.__file__).read_bytes()).hexdigest()[:16]
    assert found == compiled_decoding.LOOPS, "write this hash into LOOPS of compiled_decoding.py"
