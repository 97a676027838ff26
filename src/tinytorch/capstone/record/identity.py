"""Which model this is, and which bytes: hashes that a stranger computes again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.errors import DataError, explain

__all__ = ["artifact_of", "file_sha256", "parameter_sha256", "state_sha256"]

PIECE = 1 << 20
SAFETENSORS = "application/vnd.safetensors"


def parameter_sha256(model: Any) -> str:
    """Hash a model's parameters and buffers: names, kinds, shapes and values, in the order of the names.

    The values are hashed as little-endian bytes in C order, so that every machine gets the same digits.

    Raises:
        DataError: If the model has no `state_dict`, or an empty one.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> layer = Linear(2, 2)
        >>> parameter_sha256(layer) == parameter_sha256(layer)
        True
    """
    state: dict[str, Any] = getattr(model, "state_dict", dict)()
    if not state:
        raise DataError(explain("the model", "one with a state_dict that holds arrays", f"a {type(model).__name__}"))
    return state_sha256(state)


def state_sha256(state: dict[str, Any]) -> str:
    """Hash named arrays, as `parameter_sha256` does a model's."""
    digest = hashlib.sha256()
    for name in sorted(state):
        array = np.asarray(getattr(state[name], "data", state[name]) if _is_tensor(state[name]) else state[name])
        header = f"{name}\0{array.dtype.newbyteorder('<').str}\0{','.join(map(str, array.shape))}\0"
        digest.update(header.encode())
        digest.update(_bytes(array))
    return digest.hexdigest()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash a file, a piece at a time.

    Raises:
        DataError: If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except OSError as error:
        raise DataError(explain("the file", "readable", error.strerror, at=os.fspath(path))) from error
    return digest.hexdigest()


def artifact_of(path: str | os.PathLike[str], media_type: str = SAFETENSORS) -> dict[str, Any]:
    """Say which file a model is in: its name, beside the submission, its kind, its size in bytes and its hash.

    Raises:
        DataError: If it cannot be read.
    """
    digest = file_sha256(path)
    return {
        "path": Path(path).name,
        "media_type": media_type,
        "size_bytes": Path(path).stat().st_size,
        "sha256": digest,
    }


def _is_tensor(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and isinstance(getattr(value, "data", None), np.ndarray)


def _bytes(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
