"""Attention: each position gathers from the others what it needs.

Masks come in two kinds, told apart by what is in them:

- a *keep-mask* says where a query may look: booleans, or numbers that are all 0 or 1;
- an *additive* mask is added to the scores, and has a negative number somewhere. What is at or below `MASK_VALUE`,
  minus infinity too, blocks.

A mask of nothing but zeros is a keep-mask, and blocks all; so an additive mask that blocks nothing, as one for a
single position is, must be called additive: `additive=True`. Numbers that are neither, such as 0.5 with no negative
beside it, are refused unless `additive` says what they are.

A blocked key has a weight of exactly 0. A query that may look at nothing has only such weights, and gets the output 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.core import ops
from tinytorch.core.layers import Dropout, Layer, Linear, require_count
from tinytorch.core.tensor import Tensor
from tinytorch.errors import RangeError, ShapeError, explain

__all__ = ["MASK_VALUE", "MultiHeadAttention", "Remember", "scaled_dot_product_attention"]

MASK_VALUE = -1e9

Array = NDArray[Any]
Remember = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def scaled_dot_product_attention(
    Q: Tensor, K: Tensor, V: Tensor, mask: Any = None, *, additive: bool | None = None, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Give `softmax(Q @ Kᵀ / sqrt(D)) @ V` and the weights, both differentiable.

    Args:
        Q: (..., T, D).
        K: (..., S, D).
        V: (..., S, E).
        mask: Broadcast to (..., T, S) by NumPy's rules; see the module for its two kinds.
        additive: What the mask is, where its values do not tell.
        causal: Let query i look at keys up to i + S - T only.

    Returns:
        The output (..., T, E), and the weights (..., T, S), whose rows add up to 1, or 0 where all is blocked.

    Raises:
        ShapeError: If the shapes do not fit.
        RangeError: If the mask is neither of the two kinds.

    Example:
        >>> x = Tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> output, weights = scaled_dot_product_attention(x, x, x, mask=[[1, 0], [1, 1]])
        >>> weights.data.round(2).tolist()
        [[1.0, 0.0], [0.33000001311302185, 0.6700000166893005]]

    Source:
        A. Vaswani et al. (2017), Attention Is All You Need, equation 1.
    """
    weights = ops.attention_weights(Q, K, mask=as_mask(mask, Q.dtype, additive=additive), causal=causal)
    return ops.matmul(weights, V), weights


class MultiHeadAttention(Layer):
    """Attention in `num_heads` parts of the vectors at once.

    Takes (B, T, embed_dim) and gives (B, T, embed_dim). Masks are (T, S), (B, T, S) or (B, H, T, S), where an axis may
    have length 1; S is T unless another `context` is looked at.

    Attributes:
        q_proj, k_proj, v_proj, out_proj: `Linear(embed_dim, embed_dim)` each.
        head_dim: The width of a head, `embed_dim / num_heads`.
        dropout: Applied to the weights while training.

    Raises:
        RangeError: If `embed_dim` is not a multiple of `num_heads`, or a mask is of neither kind.
        ShapeError: If the input, the context or the mask has the wrong shape.

    Source:
        A. Vaswani et al. (2017), Attention Is All You Need, section 3.2.2.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0) -> None:
        require_count("embed_dim", embed_dim)
        require_count("num_heads", num_heads)
        if embed_dim % num_heads:
            raise RangeError(explain("embed_dim", f"a multiple of num_heads, {num_heads}", embed_dim))
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.q_proj = Linear(embed_dim, embed_dim)
        self.k_proj = Linear(embed_dim, embed_dim)
        self.v_proj = Linear(embed_dim, embed_dim)
        self.out_proj = Linear(embed_dim, embed_dim)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        mask: Any = None,
        *,
        context: Tensor | None = None,
        causal: bool = False,
        additive: bool | None = None,
        remember: Remember | None = None,
    ) -> Tensor:
        """Let each position of `x` gather from `x`, or from `context` if it is given.

        Args:
            x: (B, T, embed_dim).
            mask: Where to look, or what to add to the scores; see the module.
            context: (B, S, embed_dim).
            causal: Let position i look at positions up to i only, without a mask being built.
            additive: What the mask is, where its values do not tell.
            remember: Takes the keys and values of `x`, (B, H, T, D), and gives those to gather from, (B, H, S, D): as
                `KVCache.extend` does, which puts what came before in front of them.
        """
        source = x if context is None else context
        self._require_vectors("the input", x)
        self._require_vectors("the context", source)
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(source)), self._split(self.v_proj(source))
        if remember is not None:
            k, v = remember(k, v)
        options = {"mask": self._mask(mask, x, k.shape[2], additive=additive), "causal": causal}
        return self.out_proj(self._join(self._gather(q, k, v, options)))

    def _gather(self, q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
        if self.training and self.dropout.p > 0:
            return ops.matmul(self.dropout(ops.attention_weights(q, k, **options)), v)
        return ops.attention(q, k, v, **options)

    def _split(self, x: Tensor) -> Tensor:
        parts = x.reshape(*x.shape[:2], self.num_heads, self.head_dim)
        return parts.transpose(1, 2)  # (B, H, T, D)

    def _join(self, x: Tensor) -> Tensor:
        parts = x.transpose(1, 2)  # (B, T, H, D)
        return parts.reshape(*parts.shape[:2], self.embed_dim)

    def _require_vectors(self, what: str, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[-1] != self.embed_dim:
            rule = f"of shape (B, T, {self.embed_dim})"
            raise ShapeError(explain(f"{what} of {self!r}", rule, f"the shape {x.shape}"))

    def _mask(self, mask: Any, x: Tensor, keys: int, *, additive: bool | None) -> Array | None:
        found = as_mask(mask, x.dtype, additive=additive)
        if found is None:
            return None
        if found.ndim == 3:
            found = found[:, None]  # all heads alike
        wanted = (x.shape[0], self.num_heads, x.shape[1], keys)
        pairs = zip(found.shape, wanted[4 - found.ndim :], strict=True) if 2 <= found.ndim <= 4 else [(0, 1)]
        if any(size not in {1, full} for size, full in pairs):
            B, H, T, S = wanted
            rule = f"of shape ({T}, {S}), ({B}, {T}, {S}) or ({B}, {H}, {T}, {S}), or 1 in places"
            raise ShapeError(explain("the mask", rule, f"the shape {np.shape(_values(mask))}"))
        return found

    def __repr__(self) -> str:
        ending = f", dropout={self.dropout.p}" if self.dropout.p else ""
        return f"MultiHeadAttention({self.embed_dim}, {self.num_heads}{ending})"


def as_mask(mask: Any, dtype: Any, *, additive: bool | None = None) -> Array | None:
    """Tell a mask's kind: booleans for a keep-mask, floats of `dtype` for an additive one.

    Raises:
        RangeError: If it is of neither kind, or not of the kind that it is said to be.
    """
    if mask is None:
        return None
    values = np.asarray(_values(mask))
    if values.dtype.kind == "b" and not additive:
        return values
    binary = bool(((values == 0) | (values == 1)).all())
    added = bool((values < 0).any()) if additive is None else additive
    if (not added and not binary) or np.isnan(values).any() or np.isposinf(values).any():
        rule = "of 0 and 1 (where to look), or have a negative number (added to the scores), without NaN and inf"
        remedy = "Pass booleans, or additive=True."
        raise RangeError(explain("a mask", rule, np.array2string(values, threshold=9), remedy=remedy))
    if not added:
        return values.astype(bool)
    return np.where(values <= MASK_VALUE, -np.inf, values).astype(np.result_type(dtype, np.float32))


def _values(mask: Any) -> Any:
    return mask.data if isinstance(mask, Tensor) else mask
