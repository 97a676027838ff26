"""Rows of the ops that language models are made of: embedding, layer norm, attention."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from contracts.rows import Row, classes, real


def embeddings() -> Iterator[Row]:
    rule = lambda torch, weight, ids: torch.nn.functional.embedding(ids, weight)
    for shape in [(4,), (2, 3), (), (0, 2), (2, 1, 3)]:
        yield Row("embedding", f"indices {shape}", (real(5, 3), classes(4, *shape)), rule)
    yield Row("embedding", "one row many times", (real(3, 2), lambda _: np.array([[1, 1, 1], [1, 0, 1]])), rule)
    yield Row("embedding", "a wide table", (real(3, 300), classes(2, 5)), rule)
    yield Row("embedding", "an empty table", (real(0, 3), classes(1, 0)), rule)


def layer_norms() -> Iterator[Row]:
    for shape in [(2, 4), (4,), (2, 3, 5), (0, 3)]:
        inputs = (real(*shape), real(shape[-1]), real(shape[-1]))
        yield Row("layer_norm", f"shape {shape}", inputs, layer_norm)
    inputs = (real(3, 4), real(4), real(4))
    yield Row("layer_norm", "a large eps", inputs, lambda torch, *x: layer_norm(torch, *x, eps=0.5), {"eps": 0.5})
    constant = lambda _: np.array([[2.0, 2.0, 2.0], [0.0, 1.0, 2.0]])
    yield Row("layer_norm", "a constant row", (constant, real(3), real(3)), layer_norm, smooth=False)


def layer_norm(torch, x, gamma, beta, eps=1e-5):
    return torch.nn.functional.layer_norm(x, (x.shape[-1],), gamma, beta, eps)


KEEP = np.array([[True, False, True], [True, True, False]])
ADDED = np.array([[0.5, -1.0, -np.inf], [0.0, -2.0, 0.25]])
NOTHING = np.array([[True, False, True], [False, False, False]])
CAUSAL: dict[str, Any] = {"mask": None, "causal": True}  # in the order of the signature
MASKS: dict[str, dict[str, Any]] = {
    "no mask": {},
    "a keep-mask": {"mask": KEEP},
    "a keep-mask of columns": {"mask": KEEP[:1]},
    "an additive mask": {"mask": ADDED},
    "a blocked row": {"mask": NOTHING},
    "causal, more keys than queries": CAUSAL,
    "causal and a mask": {"mask": KEEP, "causal": True},
}
LEADING = {"of one sequence": (), "of a batch": (2,), "of heads": (2, 2)}


def attentions() -> Iterator[Row]:
    for case, options in MASKS.items():
        inputs = (real(2, 2, 4), real(2, 3, 4), real(2, 3, 4))
        yield Row("attention", case, inputs, attention(**options), options)
        yield Row("attention_weights", case, inputs[:2], attention_weights(**options), options)
    for case, leading in LEADING.items():
        inputs = (real(*leading, 3, 4), real(*leading, 3, 4), real(*leading, 3, 2))
        yield Row("attention", case, inputs, attention(**CAUSAL), CAUSAL)
        yield Row("attention_weights", case, inputs[:2], attention_weights(**CAUSAL), CAUSAL)
    yield Row("attention", "keys of one head", (real(2, 3, 4), real(1, 2, 4), real(1, 2, 4)), attention())
    yield Row("attention", "one query and key", (real(1, 3), real(1, 3), real(1, 3)), attention())
    yield Row("attention", "no queries", (real(2, 0, 3), real(2, 2, 3), real(2, 2, 3)), attention())
    yield Row("attention", "no keys", (real(2, 3), real(0, 3), real(0, 3)), attention())
    yield Row("attention_weights", "keys of one head", (real(2, 3, 4), real(1, 2, 4)), attention_weights())
    large = lambda position: 50 * real(3, 2)(position)
    yield Row("attention", "large scores", (large, large, real(3, 2)), attention(), smooth=False)


def attention(**options):
    return lambda torch, q, k, v: attention_weights(**options)(torch, q, k) @ v


def attention_weights(mask=None, *, causal=False):
    """Written from the definition: one softmax over what may be seen; 0 where nothing may."""

    def run(torch, q, k):
        queries, keys = q.shape[-2], k.shape[-2]
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if mask is not None:
            added = torch.tensor(np.where(mask, 0, -np.inf) if mask.dtype == bool else mask, dtype=scores.dtype)
            scores = scores + added
        if causal:
            hidden = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
            scores = scores.masked_fill(hidden, -math.inf)
        blind = (scores == -math.inf).all(dim=-1, keepdim=True)
        return torch.softmax(scores.masked_fill(blind, 0), dim=-1) * ~blind

    return run


FAMILIES = (embeddings, layer_norms, attentions)
