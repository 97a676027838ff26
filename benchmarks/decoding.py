"""Writing text beside PyTorch: a GPT's greedy steps with a cache of keys and values, and the reading of a prompt.

python -m benchmarks.decoding [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

The other side is PyTorch in eager mode and `inference_mode`, with the same weights, as many threads and a cache: one
that grows, or one of full length, whichever is faster here. A call writes 32 tokens behind 96; the prompt's reading is
not in it, and is a case of its own. Both sides' logits are compared before anything is timed.
"""

import sys
import time

import numpy as np

from benchmarks.runner import Call, Case, run
from tinytorch import GPT, manual_seed
from tinytorch.perf.memoization import fast_decoder

VOCABULARY, CONTEXT, PROMPT, WRITTEN = 80, 256, 96, 32
SIZES = {"4x128": (4, 128, 4), "6x384": (6, 384, 6)}  # blocks, width, heads


def gpt(size: str) -> GPT:
    """Build the seeded model."""
    manual_seed(0)
    blocks, width, heads = SIZES[size]
    return GPT(VOCABULARY, width, blocks, heads, CONTEXT).eval()


def prompts(rows: int) -> np.ndarray:
    """Draw what is read first."""
    return np.random.default_rng(0).integers(0, VOCABULARY, (rows, PROMPT))


def decoding(size: str, rows: int) -> tuple[Call, Call]:
    """Write behind a prompt that has been read, each token the likeliest."""
    model = gpt(size)
    theirs, ours = torch_writer(model, rows), our_writer(fast_decoder(model), rows)
    assert_alike(theirs(), ours())
    return theirs, ours


def our_writer(decoder, rows: int) -> Call:
    """Make the call of ours; it gives the last logits."""
    cache = decoder.cache(rows, PROMPT + WRITTEN)
    first = decoder.next_logits(prompts(rows), cache).argmax(-1)

    def write() -> np.ndarray:
        cache.seq_pos = PROMPT
        token = first
        for _ in range(WRITTEN):
            logits = decoder.step(token, cache)
            token = logits.argmax(-1)
        return logits

    return write


def torch_writer(model: GPT, rows: int) -> Call:
    """Make the call of theirs, with the faster of the two caches."""
    return min((one_torch_writer(model, rows, grows=grows) for grows in (True, False)), key=fastest)


def one_torch_writer(model: GPT, rows: int, *, grows: bool) -> Call:
    """Make the call of theirs with one kind of cache."""
    import torch

    from benchmarks.cached_twins import CachedTwin

    twin = CachedTwin(model, rows, PROMPT + WRITTEN, grows=grows)
    with torch.inference_mode():
        first = twin(torch.from_numpy(prompts(rows)), 0).argmax(-1, keepdim=True)

    def write() -> np.ndarray:
        token = first
        with torch.inference_mode():
            for place in range(PROMPT, PROMPT + WRITTEN):
                logits = twin(token, place)
                token = logits.argmax(-1, keepdim=True)
        return logits.numpy()

    return write


def fastest(call: Call) -> float:
    """Give the seconds of the fastest of a few calls."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def reading(size: str, rows: int) -> tuple[Call, Call]:
    """Read a prompt into an empty cache, up to the logits of the token after it."""
    import torch

    from benchmarks.cached_twins import CachedTwin

    model, tokens = gpt(size), prompts(rows)
    decoder, twin = fast_decoder(model), CachedTwin(model, rows, PROMPT, grows=False)
    cache, their_tokens = decoder.cache(rows, PROMPT), torch.from_numpy(tokens)

    def ours() -> np.ndarray:
        cache.reset()
        return decoder.next_logits(tokens, cache)

    def theirs() -> np.ndarray:
        with torch.inference_mode():
            return twin(their_tokens, 0).numpy()

    assert_alike(theirs(), ours())
    return theirs, ours


def assert_alike(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Compare logits."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def case_of(make, name: str, size: str, rows: int) -> Case:
    """Describe one comparison."""
    title = f"{name} GPT {size.replace('x', ' x ')}, {rows} at once"
    return Case(title, 1.0, lambda: make(size, rows))


CASES = {f"write-{size}-{rows}": case_of(decoding, "writing,", size, rows) for size in SIZES for rows in (1, 8)}
CASES |= {
    f"read-{size}-{rows}": case_of(reading, "reading 96 tokens,", size, rows) for size in SIZES for rows in (1, 8)
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.decoding", CASES, __doc__))
