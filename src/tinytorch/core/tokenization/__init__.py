"""Text into ids and back: by characters, or by byte pairs learned from text."""

from tinytorch.core.tokenization.analysis import analyze_tokenization, create_tokenizer, tokenize_dataset
from tinytorch.core.tokenization.bpe import BPETokenizer
from tinytorch.core.tokenization.characters import CharTokenizer
from tinytorch.core.tokenization.tokenizer import UNKNOWN, Tokenizer

__all__ = [
    "UNKNOWN",
    "BPETokenizer",
    "CharTokenizer",
    "Tokenizer",
    "analyze_tokenization",
    "create_tokenizer",
    "tokenize_dataset",
]
