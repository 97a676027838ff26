"""Byte-pair encoding on bytes, with a mark at the ends of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise
from typing import Any, Self

from tinytorch.core.layers import require_count
from tinytorch.core.tokenization.alphabet import BYTES, DIGITS, END, bytes_of, pieces, symbols
from tinytorch.core.tokenization.merges import Pair, join_by_rank, learned_merges
from tinytorch.core.tokenization.tokenizer import UNKNOWN, Tokenizer, texts_of
from tinytorch.errors import RangeError, explain

__all__ = ["BPETokenizer"]

CACHED_PIECES = 1 << 16
SPECIAL = re.compile(r"<[^<>]+>")
BROKEN = b"\xff"  # no UTF-8 holds it, so that half a spelled byte decodes as U+FFFD


class BPETokenizer(Tokenizer):
    """Byte-pair encoding that loses nothing: `decode(encode(text)) == text` for every text, trained or not.

    Text is cut into words, numbers, punctuation and white space, and each piece into bytes, shown as printable signs.
    A space is not a byte but the mark `</w>` on the symbol before it. The end of the text counts as one space, which
    decoding takes away again: that is how `</w>` ends every word, as in `o</w>`, while spaces stay exact. So the
    ids of two texts, joined, decode as the two texts with a space between.

    Bytes seen in training have tokens; any other is spelled by two of sixteen tokens, its hexadecimal digits. So no
    vocabulary is too small to be lossless, and `<UNK>` is never needed: it is there for code that looks for it.

    Args:
        vocab_size: How many ids there may be. Below 18 and the number of special tokens, that number.
        special_tokens: Names in angle brackets, such as `<eos>`, that no text makes unless `encode` is told so.

    Attributes:
        vocab: `<UNK>`, special tokens, `</w>`, the digits, the symbols seen, then the merges in their order.
        merges: The pairs that were joined, in order.
        token_to_id: The id of each token.
        id_to_token: And back.

    Raises:
        RangeError: If `vocab_size` is not a whole number above 0, or a special token is not of the form `<name>`.

    Example:
        >>> tokenizer = BPETokenizer(vocab_size=26)
        >>> tokenizer.train(["low low low lower"])
        >>> [tokenizer.id_to_token[i] for i in tokenizer.encode("low  slow")]
        ['low</w>', '</w>', '<7>', '<3>', 'low</w>']
        >>> tokenizer.decode(tokenizer.encode("low  slow"))
        'low  slow'
    """

    def __init__(self, vocab_size: int = 1000, special_tokens: Sequence[str] = ()) -> None:
        require_count("vocab_size", vocab_size)
        self._requested = vocab_size
        self.special_tokens = _checked(special_tokens)
        self._set_vocab([], [])

    @property
    def vocab_size(self) -> int:
        """How many ids there are: what an embedding needs, not what was asked for."""
        return len(self.vocab)

    def train(self, corpus: str | Iterable[str], vocab_size: int | None = None, *, min_frequency: int = 1) -> None:
        """Learn the symbols and the merges of a corpus, in place of what was learned before.

        Args:
            corpus: Texts, or one text.
            vocab_size: How many ids there may be, if not the constructor's number.
            min_frequency: How often a pair must occur to be joined.

        Raises:
            RangeError: If a number is not a whole number above 0.
            DTypeError: If something in the corpus is not text.
        """
        room = self._requested if vocab_size is None else vocab_size
        require_count("vocab_size", room)
        require_count("min_frequency", min_frequency)
        words = _words(texts_of(corpus))
        room = max(room - len(self._fixed()), 0)
        seen = _most_frequent(words, room)
        known = {word: count for word, count in words.items() if (seen | {END}).issuperset(word)}
        self._set_vocab(sorted(seen), learned_merges(known, room - len(seen), min_frequency))

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Give the ids of a text.

        Args:
            text: Any text.
            special: Whether the names of special tokens in it mean those tokens; otherwise they are text.
        """
        if not special or not self.special_tokens:
            return self._encoded(text)
        names = "|".join(re.escape(name) for name in self.special_tokens)
        parts = re.split(f"({names})", text)
        return [i for n, part in enumerate(parts) for i in ([self.token_to_id[part]] if n % 2 else self._encoded(part))]

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the text of ids; bytes that are no text become U+FFFD, unknown ids `<UNK>`."""
        names = (self.id_to_token.get(int(token), UNKNOWN) for token in tokens)
        parts = groupby(names, key=lambda name: name if name in self._whole else None)
        return "".join(_text(part) if name is None else "".join(part) for name, part in parts)

    def _encoded(self, text: str) -> list[int]:
        cached = self._cache
        return list(chain.from_iterable(cached.get(piece) or self._ids(piece) for piece in pieces(text)))

    def _ids(self, piece: str) -> tuple[int, ...]:
        names = chain.from_iterable(self._spelled(symbol) for symbol in self._apply_merges(symbols(piece)))
        ids = tuple(self.token_to_id[name] for name in names)
        if len(self._cache) >= CACHED_PIECES:
            self._cache.clear()
        self._cache[piece] = ids
        return ids

    def _spelled(self, symbol: str) -> Iterator[str]:
        if symbol in self.token_to_id:
            yield symbol
            return
        body = symbol.removesuffix(END)
        byte = ord(BYTES[body])
        yield from [body] if body in self.token_to_id else [DIGITS[byte >> 4], DIGITS[byte & 15]]
        if body != symbol:
            yield END

    def _get_word_tokens(self, word: str) -> list[str]:
        """Give the smallest symbols of one word, the last with `</w>`."""
        return list(symbols(word + " "))

    def _get_pairs(self, tokens: Sequence[str]) -> set[Pair]:
        """Give the pairs of neighbours."""
        return set(pairwise(tokens))

    def _apply_merges(self, tokens: Sequence[str]) -> list[str]:
        """Join symbols as training did."""
        return join_by_rank(tokens, self._ranks)

    def _fixed(self) -> list[str]:
        return [UNKNOWN, *self.special_tokens, END, *DIGITS]

    def _set_vocab(self, seen: Sequence[str], merges: Sequence[Pair]) -> None:
        self.merges = list(merges)
        joined = ["".join(pair) for pair in self.merges]
        self.vocab = list(dict.fromkeys([*self._fixed(), *seen, *joined]))  # two merges can make one token
        self.token_to_id = {token: number for number, token in enumerate(self.vocab)}
        self.id_to_token = dict(enumerate(self.vocab))
        self._symbols = list(seen)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._whole = frozenset((UNKNOWN, *self.special_tokens))
        self._cache: dict[str, tuple[int, ...]] = {}

    def _state(self) -> dict[str, Any]:
        return {
            "vocab_size": self._requested,
            "special_tokens": list(self.special_tokens),
            "symbols": self._symbols,
            "merges": self.merges,
        }

    @classmethod
    def _restored(cls, document: dict[str, Any]) -> Self:
        made = cls(document["vocab_size"], texts_of(document["special_tokens"]))
        seen = texts_of(document["symbols"])
        made._set_vocab(seen, _grown(seen, document["merges"]))
        return made


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    reserved = {UNKNOWN, END, *DIGITS}
    for name in names:
        if not SPECIAL.fullmatch(name) or name in reserved or list(names).count(name) > 1:
            remedy = "Each is named once, such as <eos>, and is none of the tokenizer's own."
            raise RangeError(explain("a special token", "a name in angle brackets", name, remedy=remedy))
    return tuple(names)


def _words(texts: Iterable[str]) -> Counter[tuple[str, ...]]:
    counted = Counter(chain.from_iterable(pieces(text) for text in texts))
    return Counter({symbols(piece): count for piece, count in counted.items()})


def _most_frequent(words: Counter[tuple[str, ...]], at_most: int) -> set[str]:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for symbol in word:
            counts[symbol] += count
    return set(sorted(counts.keys() - {END}, key=lambda symbol: (-counts[symbol], symbol))[:at_most])


def _text(names: Iterable[str]) -> str:
    raw = b"".join(_bytes(names))
    raw = raw.removesuffix(b" ")
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _bytes(names: Iterable[str]) -> Iterator[bytes]:
    high = None
    for name in names:
        digit = DIGITS.index(name) if name in DIGITS else None
        if high is not None:
            yield BROKEN if digit is None else bytes([high << 4 | digit])
            high = None
        elif digit is not None:
            high = digit
        if digit is None:
            yield bytes_of(name)
    if high is not None:
        yield BROKEN


def _grown(seen: Iterable[str], pairs: Iterable[Iterable[str]]) -> list[Pair]:
    """Give the merges, refusing symbols that are no bytes, and merges of what was not there before."""
    there = {END, *seen}
    for symbol in seen:
        if symbol.removesuffix(END) not in BYTES:
            raise RangeError(explain("a symbol", "the sign of a byte, with or without </w>", symbol))
    merges: list[Pair] = []
    for first, second in pairs:
        if not there.issuperset((first, second)):
            raise RangeError(explain("a merge", "of two tokens that are there before it", (first, second)))
        there.add(first + second)
        merges.append((first, second))
    return merges
