"""Writing text beside PyTorch: a GPT's greedy steps with a cache of keys and values, and the reading of a prompt.

python -m benchmarks.decoding [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]
python -m benchmarks.decoding --speeds [--only CASE ...] [--output FILE]

The other side is PyTorch in eager mode and `inference_mode`, with the same weights, as many threads and a cache: one
that grows, or one of full length, whichever is faster here. A call writes 32 tokens behind 96; the prompt's reading is
not in it, and is a case of its own. Both sides' logits are compared before anything is timed.

`--speeds` prints tokens per second of both sides, in turns in one process and on one thread, in place of ratios.
"""

import argparse
import importlib
import json
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.runner import Call, Case, run
from tinytorch import GPT, manual_seed, no_grad
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.core.kv_cache import KVCache
from tinytorch.perf.memoization import FastDecoder, fast_decoder
from tinytorch.perf.quantization import quantize

VOCABULARY, CONTEXT, PROMPT, WRITTEN, TURNS = 80, 256, 96, 32, 25
SIZES = {"4x128": (4, 128, 4), "6x384": (6, 384, 6)}  # blocks, width, heads
ROUGHLY = 0.05  # of the largest logit: what bytes may be off by in one step


def gpt(size: str) -> GPT:
    """Build the seeded model."""
    manual_seed(0)
    blocks, width, heads = SIZES[size]
    return GPT(VOCABULARY, width, blocks, heads, CONTEXT).eval()


def prompts(rows: int) -> np.ndarray:
    """Draw what is read first."""
    return np.random.default_rng(0).integers(0, VOCABULARY, (rows, PROMPT))


def writing(size: str, rows: int) -> tuple[Call, Call]:
    """Write behind a prompt that has been read, each token the likeliest."""
    model = gpt(size)
    theirs, ours = torch_writer(model, rows), our_writer(fast_decoder(model), rows)
    assert_alike(theirs(), ours())
    return theirs, ours


def writing_eagerly(size: str, rows: int) -> tuple[Call, Call]:
    """The same by the model itself, which uses nothing but NumPy."""
    model = gpt(size)
    theirs, ours = torch_writer(model, rows), eager_writer(model, rows)
    assert_alike(theirs(), ours())
    return theirs, ours


def writing_on_bytes(size: str, rows: int) -> tuple[Call, Call]:
    """The same on weights of int8, beside PyTorch's dynamic int8."""
    model = gpt(size)
    smaller = fast_decoder(quantize(model))
    assert_close(model, smaller)
    return torch_writer(model, rows, quantized=True), our_writer(smaller, rows)


def writing_on_own_bytes(size: str, rows: int) -> tuple[Call, Call]:
    """The same beside our floats."""
    model = gpt(size)
    smaller = fast_decoder(quantize(model))
    assert_close(model, smaller)
    return our_writer(fast_decoder(model), rows), our_writer(smaller, rows)


def our_writer(decoder: FastDecoder, rows: int) -> Call:
    """Make the call of ours; it gives the last logits."""
    cache = decoder.cache(rows, PROMPT + WRITTEN)
    first = decoder.next_logits(prompts(rows), cache).argmax(-1)

    def write() -> np.ndarray:
        cache.seq_pos, token = PROMPT, first
        for _ in range(WRITTEN):
            logits = decoder.step(token, cache)
            token = logits.argmax(-1)
        return logits

    return write


def eager_writer(model: GPT, rows: int) -> Call:
    """Make the call of the model itself."""
    tokens = np.zeros((rows, PROMPT + WRITTEN), np.int64)
    tokens[:, :PROMPT] = prompts(rows)
    cache = KVCache(rows, PROMPT + WRITTEN, model.num_layers, model.num_heads, model.embed_dim // model.num_heads)
    with no_grad():
        tokens[:, PROMPT] = model.next_logits(tokens[:, :PROMPT], cache).argmax(-1)

    def write() -> np.ndarray:
        cache.seq_pos = PROMPT
        with no_grad():
            for end in range(PROMPT + 1, PROMPT + WRITTEN + 1):
                logits = model.next_logits(tokens[:, :end], cache)
                tokens[:, end : end + 1] = logits.argmax(-1)[:, None]
        return logits

    return write


def torch_writer(model: GPT, rows: int, *, quantized: bool = False) -> Call:
    """Make the call of theirs, with the faster of the two caches."""
    return min(
        (one_torch_writer(model, rows, quantized=quantized, grows=grows) for grows in (True, False)), key=fastest
    )


def one_torch_writer(model: GPT, rows: int, *, quantized: bool, grows: bool) -> Call:
    """Make the call of theirs with one kind of cache."""
    import torch

    from benchmarks.cached_twins import CachedTwin

    twin = CachedTwin(model, rows, PROMPT + WRITTEN, grows=grows)
    if quantized:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of its successor
            twin = torch.ao.quantization.quantize_dynamic(twin, {torch.nn.Linear}, dtype=torch.qint8)
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
    return min(seconds(call) for _ in range(5))


def seconds(call: Call) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


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


def assert_close(model: GPT, smaller: FastDecoder) -> None:
    """Compare the logits of a first step: later ones follow other tokens where two are almost as likely."""
    expected = model(prompts(1)[:, :1]).data[:, 0]
    found = smaller.step(prompts(1)[:, 0], smaller.cache(1, 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUGHLY * np.abs(expected).max())


def case_of(make, name: str, size: str, rows: int, target: float = 1.0) -> Case:
    """Describe one comparison."""
    title = f"{name}, GPT {size.replace('x', ' x ')}, {rows} at once"
    return Case(title, target, lambda: make(size, rows))


EACH = [(size, rows) for size in SIZES for rows in (1, 8)]
CASES = {f"write-{size}-{rows}": case_of(writing, "writing", size, rows) for size, rows in EACH}
CASES |= {f"eager-{size}-{rows}": case_of(writing_eagerly, "writing by NumPy", size, rows) for size, rows in EACH}
CASES |= {f"int8-{size}-{rows}": case_of(writing_on_bytes, "writing on int8", size, rows) for size, rows in EACH}
CASES |= {
    f"int8-own-{size}-{rows}": case_of(writing_on_own_bytes, "int8 beside our floats", size, rows)
    for size, rows in EACH
}
CASES |= {f"read-{size}-{rows}": case_of(reading, "reading 96 tokens", size, rows) for size, rows in EACH}


def speeds(arguments: list[str]) -> int:
    """Print tokens per second of both sides of each case, and keep the seconds of every call."""
    parser = argparse.ArgumentParser(description=speeds.__doc__)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    importlib.import_module("torch").set_num_threads(1)
    with threadpool_limits(1):
        found = {name: in_turns(*CASES[name].make()) for name in options.only}
    for name, (theirs, ours) in found.items():
        tokens = int(name.rpartition("-")[2]) * (PROMPT if name.startswith("read") else WRITTEN)
        rates = [tokens / statistics.median(side) for side in (theirs, ours)]
        print(f"{CASES[name].title:58} {rates[0]:8.0f} and {rates[1]:8.0f} tokens/s")
    if options.output:
        record = {"environment": collect_environment(), "threads": 1, "seconds": found}
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def in_turns(theirs: Call, ours: Call) -> tuple[list[float], list[float]]:
    """Time calls of both sides, one of each at a time."""
    pairs = [(seconds(theirs), seconds(ours)) for _ in range(TURNS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


if __name__ == "__main__":
    if "--speeds" in sys.argv:
        sys.exit(speeds([each for each in sys.argv[1:] if each != "--speeds"]))
    sys.exit(run("benchmarks.decoding", CASES, __doc__))
