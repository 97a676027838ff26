"""One step of a language model: the compiled form beside the twin that defines it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tinytorch import GPT, manual_seed
from tinytorch.perf.kernels import VARIABLE, forms
from tinytorch.perf.kernels.decoding import CompiledStep, step_by_numpy
from tinytorch.perf.memoization.decoder import decoder_of
from tinytorch.perf.memoization.doors import make_cache

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

COMPILED = [form for form in forms.possible_forms() if form != "numpy"]
SIZES = {"one of each": (5, 8, 1, 1), "odd widths": (37, 15, 2, 3), "several vectors": (130, 96, 2, 3)}


def setting(size, rows, tied):
    """Make a model, its weights for a step, and a cache with a few random tokens in it."""
    manual_seed(1)
    vocabulary, width, blocks, heads = SIZES[size]
    gpt = GPT(vocabulary, width, blocks, heads, 12, tie_weights=tied).eval()
    rng = np.random.default_rng(0)
    for tensor in gpt.parameters():
        tensor.data += rng.normal(0, 0.1, tensor.shape).astype(np.float32)
    memory = make_cache(gpt, rows, 12)
    memory.keys[...] = rng.normal(size=memory.keys.shape)
    memory.values[...] = rng.normal(size=memory.values.shape)
    return decoder_of(gpt), memory, rng.integers(0, vocabulary, rows)


@pytest.mark.parametrize("form", COMPILED)
@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied"])
@pytest.mark.parametrize("rows", [1, 2, 8, 13])
@pytest.mark.parametrize("size", SIZES)
def test_a_step_is_its_twin(monkeypatch, form, tied, rows, size):
    """Logits and what is written into the cache, at the first position, at one between, and at the last."""
    monkeypatch.setenv(VARIABLE, form)
    decoder, memory, tokens = setting(size, rows, tied)
    step = CompiledStep(decoder)
    for position in (0, 7, 11):
        memory.seq_pos = position
        expected = step_by_numpy(decoder, tokens, memory)
        written = memory.keys[:, :, :, position].copy(), memory.values[:, :, :, position].copy()
        memory.keys[:, :, :, position] = memory.values[:, :, :, position] = np.nan
        assert step.run(tokens, memory) == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert memory.keys[:, :, :, position] == pytest.approx(written[0], rel=1e-5, abs=1e-5)
        assert memory.values[:, :, :, position] == pytest.approx(written[1], rel=1e-5, abs=1e-5)
        assert memory.seq_pos == position


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
