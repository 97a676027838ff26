"""What a model said of each sample: kept, a few bits a sample, so that anyone with the labels can count again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.workers.program.outputs import described
from tinytorch.errors import DataError, DTypeError, ShapeError, explain

__all__ = ["Outcomes", "outputs_digest", "pack", "unpack"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The classes a model gave to a set of samples, in their order.

    Attributes:
        count: How many samples, at least one.
        bits: Bits a class takes.
        packed: The classes, one after another, the most significant bit first.
        digest: The hash of the outputs that the classes came from; none where they were not kept.
    """

    count: int
    bits: int
    packed: bytes
    digest: str | None = None

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class of each sample, (N,)."""
        return unpack(self.packed, self.bits, self.count)

    def is_right(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of each sample whether its class is the label, (N,).

        Raises:
            ShapeError: If there is not one label for each sample.
        """
        if np.shape(labels) != (self.count,):
            raise ShapeError(explain("the labels", f"of shape ({self.count},)", f"the shape {np.shape(labels)}"))
        right: NDArray[np.bool_] = self.classes == np.asarray(labels)
        return right

    def to_dict(self) -> dict[str, Any]:
        """Give everything by name, as it travels in a file."""
        text = base64.b64encode(self.packed).decode()
        return {"count": self.count, "bits": self.bits, "packed_base64": text, "outputs_sha256": self.digest}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Outcomes:
        """Read back what `to_dict` gave."""
        packed = base64.b64decode(record["packed_base64"], validate=True)
        return cls(record["count"], record["bits"], packed, record["outputs_sha256"])

    @classmethod
    def of(cls, classes: NDArray[Any], digest: str | None = None) -> Outcomes:
        """Pack the classes of some samples.

        Raises:
            ShapeError: If they are not one row.
            DTypeError: If they are not whole numbers of at least 0.
            DataError: If there are none.

        Example:
            >>> outcomes = Outcomes.of(np.array([3, 0, 2, 1, 3]))
            >>> outcomes.bits, len(outcomes.packed), outcomes.classes.tolist()
            (2, 2, [3, 0, 2, 1, 3])
        """
        given = np.asarray(classes)
        if given.ndim != 1:
            raise ShapeError(explain("the classes", "of shape (N,)", f"the shape {given.shape}"))
        if not len(given):
            raise DataError(explain("the classes", "at least one", "none"))
        if given.dtype.kind not in "biu" or given.min() < 0:
            raise DTypeError(explain("the classes", "whole numbers of at least 0", f"an array of {given.dtype}"))
        bits = max(int(given.max()).bit_length(), 1)
        return cls(len(given), bits, pack(given, bits), digest)


def pack(numbers: NDArray[Any], bits: int) -> bytes:
    """Write each number in so many bits, the most significant first.

    Example:
        >>> pack(np.array([1, 2, 3]), bits=2)
        b'l'
    """
    places = np.arange(bits - 1, -1, -1)
    return np.packbits((numbers.astype(np.int64)[:, None] >> places & 1).astype(np.uint8)).tobytes()


def unpack(packed: bytes, bits: int, count: int) -> NDArray[np.int64]:
    """Read back what `pack` wrote.

    Raises:
        DataError: If there are more or fewer bytes than so many numbers take.
    """
    if len(packed) != (bits * count + 7) // 8:
        rule = f"{(bits * count + 7) // 8} bytes for {count} classes of {bits} bits"
        raise DataError(explain("the packed classes", rule, f"{len(packed)} bytes"))
    digits = np.unpackbits(np.frombuffer(packed, np.uint8), count=bits * count).reshape(count, bits)
    places = np.arange(bits - 1, -1, -1)
    numbers: NDArray[np.int64] = (digits.astype(np.int64) << places).sum(axis=1)
    return numbers


def outputs_digest(output: NDArray[Any]) -> str:
    """Hash the outputs of a model: their kind, their shape and every bit of them, as a worker does.

    Example:
        >>> outputs_digest(np.zeros(2)) == outputs_digest(np.zeros(2)), outputs_digest(np.zeros(2))[:8]
        (True, 'cabb8f30')
    """
    digest: str = described(np.asarray(output))["digest"]
    return digest
