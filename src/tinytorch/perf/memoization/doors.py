"""Giving a model a cache that lasts from call to call, and taking it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinytorch.core.kv_cache import KVCache
from tinytorch.errors import RangeError, explain
from tinytorch.perf.memoization.int8_cache import Int8KVCache

__all__ = ["create_kv_cache", "disable_kv_cache", "enable_kv_cache", "make_cache"]

NEEDED = ("embed_dim", "num_layers", "num_heads", "max_seq_len", "blocks")


def create_kv_cache(
    batch_size: int,
    max_seq_len: int,
    num_layers: int,
    num_heads: int,
    head_dim: int,
    *,
    show: Callable[[str], object] = print,
) -> KVCache:
    """Make a cache, and say how large it is.

    Args:
        batch_size, max_seq_len, num_layers, num_heads, head_dim: As for `KVCache`.
        show: Takes the line that says so.

    Example:
        >>> cache = create_kv_cache(1, 64, 2, 4, 32)
        KVCache(1, 64, 2, 4, 32, seq_pos=0, dtype='float32'): 0.12 MB
    """
    cache = KVCache(batch_size, max_seq_len, num_layers, num_heads, head_dim)
    show(f"{cache!r}: {cache.get_memory_usage()['total_mb']:.2f} MB")
    return cache


def enable_kv_cache(model: Any, *, dtype: str = "float32") -> KVCache:
    """Give a model a cache for one sequence, or a fresh one; `generate` makes room for as many as its prompt has.

    A `GPT` caches without that too, in memory of each call's own. An enabled cache stays from call to call, can be
    looked at, and may be of bytes. After `generate` it holds all tokens but the last, which nothing has read.

    Args:
        model: Whatever has the sizes of a `GPT` and its `blocks`. Other models must hand the cache to their attention
            themselves, as `GPT.features` does.
        dtype: `int8` to keep keys and values as bytes, as `Int8KVCache` does; else what they are kept as.

    Returns:
        The cache, which is `model._kv_cache`.

    Raises:
        AttributeError: If the model lacks one of the sizes, or `blocks`.
        RangeError: If its width is not a multiple of its heads.
    """
    missing = [name for name in NEEDED if not hasattr(model, name)]
    if missing:
        remedy = "Decode with KVCache and MultiHeadAttention(..., remember=...) yourself."
        rule, got = f"one with {', '.join(NEEDED)}", f"{type(model).__name__} without {', '.join(missing)}"
        raise AttributeError(explain("the model", rule, got, remedy=remedy))
    cache = make_cache(model, 1, model.max_seq_len, dtype)
    vars(model).update(_kv_cache=cache, _cache_enabled=True)  # the names that users' code knows
    return cache


def disable_kv_cache(model: Any) -> None:
    """Take the cache away that `enable_kv_cache` gave; nothing is done if there is none."""
    if vars(model).pop("_kv_cache", None) is not None:
        vars(model).update(_cache_enabled=False)


def make_cache(model: Any, rows: int, length: int, dtype: str = "float32") -> KVCache:
    """Make a cache for a model.

    Raises:
        RangeError: If the model's width is not a multiple of its heads.
    """
    if model.embed_dim % model.num_heads:
        raise RangeError(explain("embed_dim", f"a multiple of num_heads, {model.num_heads}", model.embed_dim))
    sizes = (rows, length, model.num_layers, model.num_heads, model.embed_dim // model.num_heads)
    return Int8KVCache(*sizes) if dtype == "int8" else KVCache(*sizes, dtype=dtype)
