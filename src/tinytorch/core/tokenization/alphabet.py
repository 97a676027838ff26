"""Bytes as printable signs, and text as the pieces that are tokenized one by one.

Three kinds of names stand in a vocabulary beside each other and are never mistaken, because no sign of a byte is `<`:

- signs of bytes, joined: `th`, `Ġ` for a byte without a shape of its own;
- `</w>` at the end of a token, or alone: one space follows, or the text ends;
- names in angle brackets: `<UNK>`, special tokens, and `<0>` to `<f>`, two of which spell a byte that has no token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["BYTES", "DIGITS", "END", "SIGNS", "bytes_of", "pieces", "symbols"]

END = "</w>"
DIGITS = tuple(f"<{digit:x}>" for digit in range(16))


def _signs() -> tuple[str, ...]:
    """Choose a printable sign for every byte: itself where it has a shape, one from U+0100 on otherwise.

    Source:
        A. Radford et al. (2019), Language Models are Unsupervised Multitask Learners, section 2.2; that `<` has a
        stand-in too is ours.
    """
    shaped = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)} - {ord("<")}
    others = (byte for byte in range(256) if byte not in shaped)
    stand_ins = {byte: chr(0x100 + number) for number, byte in enumerate(others)}
    return tuple(stand_ins.get(byte, chr(byte)) for byte in range(256))


SIGNS = _signs()
BYTES = {sign: bytes([byte]) for byte, sign in enumerate(SIGNS)}

BODIES = (
    r"'?[^\W\d_]+",  # a word, or the rest of one after an apostrophe
    r"\d+",
    r"(?:[^\w\s]|_)+",  # punctuation and marks
    r"[^\S ]+",  # line ends and other white space
)
PIECE = re.compile(rf"(?:{'|'.join(BODIES)}) ?| +")


def pieces(text: str) -> list[str]:
    """Cut a text, and one space more, into pieces that no token crosses.

    Joined they are that text and that space. A space ends the piece before it; what is left of several is a piece.

    Example:
        >>> pieces("It's  one.")
        ['It', "'s ", ' ', 'one', '. ']
    """
    return PIECE.findall(text + " ") if text else []


def symbols(piece: str) -> tuple[str, ...]:
    """Give the smallest symbols of a piece: signs of bytes, with the mark of a space on the last.

    Example:
        >>> symbols("hé "), symbols("hé"), symbols("  ")
        (('h', 'Ã', '©</w>'), ('h', 'Ã', '©'), ('</w>', '</w>'))
    """
    body = piece.rstrip(" ")
    if not body:
        return (END,) * len(piece)
    signs = [SIGNS[byte] for byte in body.encode("utf-8", "surrogatepass")]
    return (*signs[:-1], signs[-1] + END * (len(piece) > len(body)))


def bytes_of(token: str) -> bytes:
    """Give the bytes that a token of signs and marks stands for.

    Raises:
        KeyError: If it holds something else.

    Example:
        >>> bytes_of("the</w>")
        b'the '
    """
    return b" ".join(_joined(part) for part in token.split(END))


def _joined(signs: Iterable[str]) -> bytes:
    return b"".join(BYTES[sign] for sign in signs)
