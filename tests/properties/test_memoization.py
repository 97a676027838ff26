"""Decoding with a cache, for any lengths, batches, windows, heads and weights: the logits of the path without."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch import manual_seed
from tinytorch.core.autograd import no_grad
from tinytorch.core.kv_cache import KVCache
from tinytorch.core.transformers import GPT
from tinytorch.perf.memoization import fast_decoder

modestly = settings(deadline=None, derandomize=True, max_examples=40, database=None)
VOCABULARY = 9


cases = st.fixed_dictionaries(
    {
        "heads": st.sampled_from([1, 2, 3]),
        "head_dim": st.sampled_from([1, 4, 5, 16]),
        "blocks": st.integers(1, 3),
        "context": st.integers(1, 12),
        "tied": st.booleans(),
        "rows": st.integers(1, 9),
        "prompt": st.integers(1, 15),  # perhaps beyond the context
        "more": st.integers(1, 8),
        "seed": st.integers(0, 99),
    }
)


def made(case):
    """Make the model and the tokens."""
    manual_seed(case["seed"])
    width, rng = case["heads"] * case["head_dim"], np.random.default_rng(case["seed"])
    gpt = GPT(VOCABULARY, width, case["blocks"], case["heads"], case["context"], tie_weights=case["tied"]).eval()
    for tensor in gpt.parameters():
        tensor.data += rng.normal(0, 0.3, tensor.shape).astype(np.float32)
    return gpt, rng.integers(0, VOCABULARY, (case["rows"], case["prompt"] + case["more"]))


def assert_alike(gpt, next_logits, memory, ids, prompt):
    """Compare at every length from the prompt's on."""
    with no_grad():
        for end in range(prompt, ids.shape[1] + 1):
            expected = gpt.next_logits(ids[:, :end])
            tolerance = 1e-5 * max(1, np.abs(expected).max())
            np.testing.assert_allclose(next_logits(ids[:, :end], memory), expected, rtol=0, atol=tolerance)
            assert memory.seq_pos == min(end, gpt.max_seq_len)


@given(case=cases)
@modestly
def test_the_model_itself(case):
    """By the framework's own ops."""
    gpt, ids = made(case)
    sizes = (len(ids), gpt.max_seq_len, gpt.num_layers, gpt.num_heads, gpt.embed_dim // gpt.num_heads)
    assert_alike(gpt, gpt.next_logits, KVCache(*sizes), ids, case["prompt"])


@given(case=cases)
@modestly
def test_the_fast_decoder(case):
    """By the compiled step where there is one, else by its twin."""
    gpt, ids = made(case)
    fast = fast_decoder(gpt)
    assert_alike(gpt, fast.next_logits, fast.cache(len(ids), gpt.max_seq_len), ids, case["prompt"])
