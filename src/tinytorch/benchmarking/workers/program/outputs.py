"""What a call gave, as a hash of its bits: whether two calls, two processes or two variants say the same."""

from __future__ import annotations

from typing import Any, Iterator

__all__ = ["described"]

DEEPEST = 16
SIMPLE = (bool, int, float, complex, str, type(None))


class _Unreadable(Exception):  # noqa: N818  not an error: the output is of another kind
    """An output of a kind that has no bytes to read."""


def described(output: Any) -> dict[str, Any]:
    """Hash an output: arrays and tensors by kind, shape and bytes, also inside lists, tuples and dictionaries.

    Returns:
        `digest` (hexadecimal, or none), `nan` (whether a NaN is in it) and `reason` (why there is no digest).

    Example:
        >>> described([1.0, float("nan")])["nan"]
        True
    """
    import hashlib

    total, nan = hashlib.sha256(), False
    try:
        for head, body, has_nan in _leaves(output, DEEPEST):
            total.update(head.encode() + b"\0" + body)
            nan = nan or has_nan
    except _Unreadable as refusal:
        return {"digest": None, "nan": nan, "reason": str(refusal)}
    return {"digest": total.hexdigest(), "nan": nan, "reason": None}


def _leaves(value: Any, depth: int) -> Iterator[tuple[str, bytes, bool]]:
    if isinstance(value, SIMPLE):
        yield type(value).__name__, repr(value).encode(), value != value  # noqa: PLR0124  only NaN differs from itself
    elif isinstance(value, (bytes, bytearray)):
        yield "bytes", bytes(value), False
    elif isinstance(value, (list, tuple, dict)) and depth:
        yield f"{type(value).__name__} {len(value)}", b"", False
        for item in value.items() if isinstance(value, dict) else value:
            yield from _leaves(item, depth - 1)
    else:
        yield _array(value)


def _array(value: Any) -> tuple[str, bytes, bool]:
    if callable(getattr(value, "cpu", None)):  # PyTorch; a tensor of ours can be detached too
        value = value.detach().cpu().numpy()
    if not callable(getattr(value, "tobytes", None)):
        value = getattr(value, "data", None)  # TinyTorch
    if not callable(getattr(value, "tobytes", None)) or not hasattr(value, "dtype"):
        raise _Unreadable("the output is no array, number or text, nor made of such")
    return f"{value.dtype} {value.shape}", value.tobytes(), bool((value != value).any())  # noqa: PLR0124
