"""Making a tokenizer, using it on many texts, and saying how well it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinytorch.core.layers import require_count
from tinytorch.core.tokenization.bpe import BPETokenizer
from tinytorch.core.tokenization.characters import CharTokenizer
from tinytorch.core.tokenization.tokenizer import Tokenizer
from tinytorch.errors import RangeError, explain

__all__ = ["analyze_tokenization", "create_tokenizer", "tokenize_dataset"]


def create_tokenizer(
    strategy: str = "char", vocab_size: int = 1000, corpus: str | Iterable[str] | None = None
) -> CharTokenizer | BPETokenizer:
    """Make a tokenizer, and learn its vocabulary if there is a corpus.

    Args:
        strategy: `char` or `bpe`.
        vocab_size: How many ids `bpe` may have.
        corpus: Texts to learn from.

    Raises:
        RangeError: If there is no such strategy.

    Example:
        >>> create_tokenizer("char", corpus=["hello"]).vocab
        ['<UNK>', 'e', 'h', 'l', 'o']
    """
    if strategy == "char":
        characters = CharTokenizer()
        if corpus is not None:
            characters.build_vocab(corpus)
        return characters
    if strategy == "bpe":
        bpe = BPETokenizer(vocab_size)
        if corpus is not None:
            bpe.train(corpus)
        return bpe
    raise RangeError(explain("strategy", "'char' or 'bpe'", strategy))


def tokenize_dataset(texts: Iterable[str], tokenizer: Tokenizer, max_length: int | None = None) -> list[list[int]]:
    """Encode every text, and cut each to at most `max_length` ids.

    Raises:
        RangeError: If `max_length` is not a whole number above 0.
    """
    if max_length is not None:
        require_count("max_length", max_length)
    return [tokenizer.encode(text)[:max_length] for text in texts]


def analyze_tokenization(texts: Sequence[str], tokenizer: Any) -> dict[str, float]:
    """Say how long texts become.

    Returns:
        `vocab_size`, `avg_sequence_length` and `max_sequence_length` in tokens a text, `total_tokens`,
        `compression_ratio` in characters a token, and `unique_tokens`, how many different ids occur. Averages and
        ratios of nothing are 0.

    Example:
        >>> analyze_tokenization(["abba"], CharTokenizer(["a", "b"]))["compression_ratio"]
        1.0
    """
    encoded = tokenize_dataset(texts, tokenizer)
    lengths = [len(ids) for ids in encoded]
    total, characters = sum(lengths), sum(map(len, texts))
    return {
        "vocab_size": tokenizer.vocab_size,
        "avg_sequence_length": total / len(lengths) if lengths else 0.0,
        "max_sequence_length": max(lengths, default=0),
        "total_tokens": total,
        "compression_ratio": characters / total if total else 0.0,
        "unique_tokens": len(set().union(*encoded)),
    }
