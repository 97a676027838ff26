"""The optical digits of the UCI repository: 1,797 images of 8x8 pixels, ten classes."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinytorch.datasets.packaged import read_packaged
from tinytorch.errors import DataError, explain

__all__ = ["Digits", "load_digits"]

VERSION = "uci-optdigits-1998-test"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
FILE = Path(__file__).with_name("digits.csv.gz")
BRIGHTEST = 16  # a pixel counts the inked points of a 4x4 block

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Handwritten digits, split into a training and a test part.

    Attributes:
        train_images: `(n, 64)` float32 in [0, 1], an 8x8 image row by row.
        train_labels: `(n,)` int64 in 0..9.
        test_images: `(m, 64)` float32 in [0, 1].
        test_labels: `(m,)` int64 in 0..9.
        name: What a report calls this data set.
        version: Which edition of the data it is.
        sha256: The hash of the packaged file the images were read from.
    """

    train_images: NDArray[np.float32]
    train_labels: Labels
    test_images: NDArray[np.float32]
    test_labels: Labels
    name: str = "digits"
    version: str = VERSION
    sha256: str = SHA256


def load_digits(*, test_fraction: float = 0.2, seed: int = 0) -> Digits:
    """Read the packaged digits and split them, each class in the same proportion.

    Args:
        test_fraction: The share of each class held out for testing, in (0, 1).
        seed: Decides the split and the order; the same seed gives the same arrays.

    Raises:
        DataError: If `test_fraction` or `seed` is out of range, or the packaged file is missing or not
            the one that was published.

    Example:
        >>> digits = load_digits()
        >>> digits.train_images.shape, digits.test_images.shape
        ((1438, 64), (359, 64))

    Source:
        E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
        Repository, doi 10.24432/C50P49, CC BY 4.0.
    """
    _require_fraction(test_fraction)
    _require_seed(seed)
    images, labels = _parse(read_packaged(FILE, SHA256, "the packaged digits"))
    train, test = _split(labels, test_fraction, np.random.default_rng(seed))
    return Digits(images[train], labels[train], images[test], labels[test])


def _require_fraction(value: float) -> None:
    if not 0 < value < 1:  # NaN fails this too
        raise DataError(explain("test_fraction", "a ratio in (0, 1)", value, remedy="0.2 holds out a fifth."))


def _require_seed(value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise DataError(explain("seed", "an integer of at least 0", value))


def _parse(raw: bytes) -> tuple[NDArray[np.float32], Labels]:
    table = np.loadtxt(io.BytesIO(gzip.decompress(raw)), delimiter=",", dtype=np.float32)  # (1797, 65)
    return table[:, :-1] / np.float32(BRIGHTEST), table[:, -1].astype(np.int64)


def _split(labels: Labels, fraction: float, rng: np.random.Generator) -> tuple[Labels, Labels]:
    order = rng.permutation(len(labels))
    held_out = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        members = order[labels[order] == digit]
        held_out[members[: round(len(members) * fraction)]] = True
    return order[~held_out[order]], order[held_out[order]]
