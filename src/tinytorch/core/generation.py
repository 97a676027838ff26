"""Writing on: one token after the other, each chosen from what a model makes of those before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core.embeddings import as_tokens
from tinytorch.core.sampling import Sampler, draw_numbers
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["as_prompt", "write_on"]

Array = NDArray[Any]


def as_prompt(prompt_tokens: Any, max_new_tokens: int) -> Tensor:
    """Make a tensor of a prompt.

    Raises:
        RangeError: If `max_new_tokens` is no count.
        ShapeError: If the prompt is not (B, n), or is empty.
    """
    prompt = as_tokens(prompt_tokens)
    if prompt.ndim != 2 or prompt.size == 0:
        remedy = "Put a single sequence into a batch of one: [[3, 1, 4]]."
        raise ShapeError(
            explain("the prompt", "of shape (B, n), not empty", f"the shape {prompt.shape}", remedy=remedy)
        )
    if isinstance(max_new_tokens, bool) or not isinstance(max_new_tokens, int | np.integer) or max_new_tokens < 0:
        raise RangeError(explain("max_new_tokens", "a whole number of at least 0", max_new_tokens))
    return prompt


def write_on(
    prompt: Tensor, count: int, next_logits: Callable[[Array], Array], sampler: Sampler, seed: int | None = None
) -> Tensor:
    """Continue each row of a prompt, (B, n), by `count` tokens, to (B, n + count).

    Args:
        prompt: What `as_prompt` gives.
        count: How many tokens to add.
        next_logits: Gives the logits (B, V) of the token after the last of (B, T).
        sampler: Chooses from them.
        seed: Draw from generators of its own, one a row; NumPy's global state otherwise.
    """
    start, draw = prompt.shape[1], draw_numbers(len(prompt), seed)
    tokens = np.empty((len(prompt), start + count), prompt.dtype)
    tokens[:, :start] = prompt.data
    for end in range(start, start + count):
        tokens[:, end] = sampler.choose(next_logits(tokens[:, :end]), draw)
    return Tensor(tokens, dtype=tokens.dtype)
