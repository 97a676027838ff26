"""Six tragedies by William Shakespeare: 842 thousand characters of plain ASCII for the examples with language."""

from __future__ import annotations

import bz2
from dataclasses import dataclass
from pathlib import Path

from tinytorch.datasets.packaged import read_packaged
from tinytorch.errors import DataError, explain

__all__ = ["Tragedies", "load_tragedies"]

VERSION = "gutenberg-1998"
SHA256 = "1178fe9bddaa814e234c067c2f6313f3daa80426f59cd6c40f89ff8ba4ae1b78"
FILE = Path(__file__).with_name("tragedies.txt.bz2")
TITLES = ("Hamlet", "Macbeth", "Romeo and Juliet", "King Lear", "Othello", "Julius Caesar")
BETWEEN = "\f"  # stands between two plays in the file


@dataclass(frozen=True, slots=True)
class Tragedies:
    """Plays, each split into a beginning to learn from and an end to be tested on.

    Attributes:
        titles: What the plays are called.
        train: The beginning of each play.
        validation: The end of each play; `train[i] + validation[i]` is the whole.
        name: What a report calls this data set.
        version: Which edition of the data it is.
        sha256: The hash of the packaged file the text was read from.
    """

    titles: tuple[str, ...]
    train: tuple[str, ...]
    validation: tuple[str, ...]
    name: str = "tragedies"
    version: str = VERSION
    sha256: str = SHA256


def load_tragedies(*, validation_fraction: float = 0.1) -> Tragedies:
    r"""Read the packaged plays and split each where a line ends.

    Args:
        validation_fraction: About which share of each play, its end, is held out, in (0, 1).

    Raises:
        DataError: If the fraction is out of range, or the packaged file is missing or not the one that was published.

    Example:
        >>> load_tragedies().validation[0][-40:]
        'e which a peal of\nordnance is shot off.]'

    Source:
        W. Shakespeare (1599-1606); public-domain texts of Project Gutenberg (1998), see LICENSE-tragedies.txt.
    """
    if not 0 < validation_fraction < 1:  # NaN fails this too
        remedy = "0.1 holds out the last tenth of each play."
        raise DataError(explain("validation_fraction", "a ratio in (0, 1)", validation_fraction, remedy=remedy))
    raw = read_packaged(FILE, SHA256, "the packaged tragedies")
    plays = bz2.decompress(raw).decode("ascii").split(BETWEEN)
    cuts = [play.rindex("\n", 0, round(len(play) * (1 - validation_fraction))) + 1 for play in plays]
    train, validation = zip(*((play[:cut], play[cut:]) for play, cut in zip(plays, cuts, strict=True)), strict=True)
    return Tragedies(TITLES, train, validation)
