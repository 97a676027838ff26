"""What every tokenizer does, and how it is kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tinytorch.errors import DataError, DTypeError, explain
from tinytorch.files import write_atomically

__all__ = ["UNKNOWN", "Tokenizer", "texts_of"]

UNKNOWN = "<UNK>"
VERSION = 1


class Tokenizer:
    """The base of tokenizers: text into ids and back.

    A tokenizer that can be saved defines `_state`, what JSON is to hold of it, and `_restored`, which makes one of it.
    """

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text.

        Raises:
            NotImplementedError: In a class that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define encode")

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the text of ids.

        Raises:
            NotImplementedError: In a class that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define decode")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer as JSON, whole or not at all.

        Raises:
            DataError: If the file cannot be written.
        """
        document = {"tokenizer": type(self).__name__, "version": VERSION, **self._state()}
        write_atomically(path, json.dumps(document, indent=1).encode("ascii"))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: If the file cannot be read, or holds no tokenizer of this class.
        """
        document = _read(path)
        found = (document.get("tokenizer"), document.get("version"))
        if found != (cls.__name__, VERSION):
            raise DataError(explain("the tokenizer", f"{cls.__name__} of version {VERSION}", found, at=str(path)))
        try:
            return cls._restored(document)
        except (KeyError, TypeError, ValueError) as error:  # the house's own errors among them
            reason = f"{type(error).__name__}: {error}"
            raise DataError(
                explain("the tokenizer", f"what {cls.__name__}.save wrote", reason, at=str(path))
            ) from error

    def _state(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define _state")

    @classmethod
    def _restored(cls, document: dict[str, Any]) -> Self:
        raise NotImplementedError(f"{cls.__name__} must define _restored")


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(explain("the tokenizer", "a file of JSON", str(error), at=str(path))) from error
    if not isinstance(document, dict):
        raise DataError(explain("the tokenizer", "an object of JSON", type(document).__name__, at=str(path)))
    return document


def texts_of(corpus: str | Iterable[str]) -> list[str]:
    """List the texts of a corpus; one text alone is a corpus too.

    Raises:
        DTypeError: If something in it is not text.
    """
    texts = [corpus] if isinstance(corpus, str) else list(corpus)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise DTypeError(explain("the corpus", "made of texts", type(text).__name__, at=f"corpus[{number}]"))
    return texts
