"""What the headline measures, made in a fresh process from a model's file."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinytorch.benchmarking import Workload
from tinytorch.benchmarking.adapters.tinytorch_files import load_model
from tinytorch.core.layers import layers_of
from tinytorch.core.tensor import Tensor
from tinytorch.perf import compile as compiled_for
from tinytorch.perf import fast_decoder

PROMPT, WRITTEN = 16, 64  # tokens
SHAPES = {"digits": (64,), "mlp-mnist": (1, 28, 28), "lenet": (1, 28, 28), "gpt": (128,)}


def forward(path: str, shape: str, batch: int, compiled: bool) -> Workload:
    """Give the call of a model on a batch drawn alike for all.

    Args:
        path: The model's file.
        shape: The name of the model whose inputs it takes.
        batch: How many samples.
        compiled: Whether it is compiled for that batch, or runs as it is.
    """
    model = load_model(path)
    inputs = drawn(model, (batch, *SHAPES[shape]))
    run = compiled_for(model, inputs).forward if compiled else model.forward
    return Workload(partial(run, inputs), model, inputs, quiet=True)


def writing(path: str, rows: int, fast: bool) -> Workload:
    """Give a call that writes 64 tokens behind a prompt of 16, each the likeliest, from an empty cache.

    Args:
        path: The model's file.
        rows: How many texts at once.
        fast: Whether by the compiled decoder, or by the model's own `generate`, which has a cache too.
    """
    model = load_model(path)
    prompt = drawn(model, (rows, PROMPT)).data
    writer = fast_decoder(model) if fast else model
    return Workload(partial(writer.generate, prompt, WRITTEN, temperature=0), model, prompt, quiet=True)


def drawn(model: Any, shape: tuple[int, ...]) -> Tensor:
    """Draw tokens for a model with a vocabulary, else numbers."""
    rng = np.random.default_rng(0)
    sizes = [layer.vocab_size for layer in layers_of(model) if hasattr(layer, "vocab_size")]
    if sizes:
        return Tensor(rng.integers(0, min(sizes), shape), dtype=np.int64)
    return Tensor(rng.standard_normal(shape, dtype=np.float32))
