"""One id a character."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from tinytorch.core.tokenization.tokenizer import UNKNOWN, Tokenizer, texts_of
from tinytorch.errors import RangeError, explain

__all__ = ["CharTokenizer"]


class CharTokenizer(Tokenizer):
    """One id a character; 0 is any character that is not in the vocabulary, and decodes as `<UNK>`.

    Attributes:
        vocab: `<UNK>`, then the characters.
        char_to_id: The id of each.
        id_to_char: And back.
        unk_id: 0.

    Raises:
        RangeError: If the vocabulary names an entry twice.

    Example:
        >>> tokenizer = CharTokenizer(["a", "b"])
        >>> tokenizer.encode("abc"), tokenizer.decode([1, 2, 0])
        ([1, 2, 0], 'ab<UNK>')
    """

    unk_id = 0

    def __init__(self, vocab: Iterable[str] | None = None) -> None:
        self._set_vocab(list(vocab or ()))

    def _set_vocab(self, characters: list[str]) -> None:
        self.vocab = [UNKNOWN, *characters]
        if len(set(self.vocab)) != len(self.vocab):
            twice = sorted({entry for entry in self.vocab if self.vocab.count(entry) > 1})
            raise RangeError(explain("the vocabulary", "without repetitions", twice))
        self.char_to_id = {entry: number for number, entry in enumerate(self.vocab)}
        self.id_to_char = dict(enumerate(self.vocab))

    @property
    def vocab_size(self) -> int:
        """How many ids there are, that of `<UNK>` included."""
        return len(self.vocab)

    def build_vocab(self, corpus: str | Iterable[str]) -> None:
        """Take the characters of a corpus, sorted, as the vocabulary."""
        self._set_vocab(sorted(set().union(*texts_of(corpus))))

    def encode(self, text: str) -> list[int]:
        """Give one id a character; 0 where it is unknown."""
        known = self.char_to_id
        return [known.get(character, self.unk_id) for character in text]

    def decode(self, tokens: Iterable[int]) -> str:
        """Join the characters of ids; an id that is not in the vocabulary is `<UNK>`."""
        return "".join(self.id_to_char.get(int(token), UNKNOWN) for token in tokens)

    def _state(self) -> dict[str, Any]:
        return {"vocab": self.vocab[1:]}

    @classmethod
    def _restored(cls, document: dict[str, Any]) -> Self:
        return cls(texts_of(document["vocab"]))
