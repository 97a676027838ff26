"""Learning which pairs of symbols to join, and joining them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

__all__ = ["Pair", "join_by_rank", "learned_merges"]

Pair = tuple[str, str]
Word = list[str]


def learned_merges(words: Mapping[tuple[str, ...], int], at_most: int, min_frequency: int) -> list[Pair]:
    """Join the most frequent pair of neighbours, again and again.

    Of equally frequent pairs the first in the order of strings is joined, so that the same text gives the same merges.
    Counts are kept up to date word by word: a merge costs what the words that hold its pair cost.

    Args:
        words: How often each sequence of symbols occurs.
        at_most: How many pairs to join.
        min_frequency: How often a pair must occur.

    Source:
        P. Gage (1994), A New Algorithm for Data Compression; R. Sennrich, B. Haddow, A. Birch (2016), Neural Machine
        Translation of Rare Words with Subword Units, section 3.2.
    """
    pairs = _Pairs(words)
    found: list[Pair] = []
    while len(found) < at_most and (best := pairs.most_frequent(min_frequency)):
        found.append(best)
        pairs.join(best)
    return found


class _Pairs:
    """How often each pair occurs, and in which words, while words change."""

    def __init__(self, words: Mapping[tuple[str, ...], int]) -> None:
        self.words: list[Word] = [list(word) for word in words]
        self.frequencies = list(words.values())
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)
        for place, word in enumerate(self.words):
            for pair in pairwise(word):
                self.counts[pair] += self.frequencies[place]
                self.places[pair].add(place)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapify(self.heap)

    def most_frequent(self, min_frequency: int) -> Pair | None:
        """Find the pair with the highest count; entries of the heap that are out of date are passed over."""
        while self.heap:
            negative, pair = heappop(self.heap)
            if -negative == self.counts[pair]:
                return pair if -negative >= max(min_frequency, 1) else None
        return None

    def join(self, pair: Pair) -> None:
        """Join the pair in every word that holds it."""
        changed: Counter[Pair] = Counter()
        for place in self.places.pop(pair):
            old = self.words[place]
            new = self.words[place] = _joined(old, pair)
            self._move(place, old, new, changed)
        for other, change in changed.items():
            if change and other != pair:
                self.counts[other] += change
                heappush(self.heap, (-self.counts[other], other))
        del self.counts[pair]

    def _move(self, place: int, old: Word, new: Word, changed: Counter[Pair]) -> None:
        frequency = self.frequencies[place]
        gone, come = Counter(pairwise(old)), Counter(pairwise(new))
        for pair in gone.keys() | come.keys():
            changed[pair] += (come[pair] - gone[pair]) * frequency
            if pair not in gone:
                self.places[pair].add(place)
            elif pair not in come:
                self.places[pair].discard(place)


def _joined(word: Word, pair: Pair) -> Word:
    new: Word = []
    position = 0
    while position < len(word):
        both = word[position] == pair[0] and word[position + 1 : position + 2] == [pair[1]]
        new.append(pair[0] + pair[1] if both else word[position])
        position += 1 + both
    return new


def join_by_rank(word: Sequence[str], ranks: Mapping[Pair, int]) -> list[str]:
    """Apply merges in the order in which they were learned, the leftmost first: O(n log n) in the word's length.

    Example:
        >>> join_by_rank("banana", {("a", "n"): 0, ("an", "a"): 1})
        ['b', 'an', 'ana']
    """
    chain = _Chain(word)
    heap = [(ranks[pair], left) for left, pair in enumerate(pairwise(word)) if pair in ranks]
    heapify(heap)
    while heap:
        rank, left = heappop(heap)
        if ranks.get(chain.pair_at(left)) == rank:
            for start in chain.join(left):
                if (later := ranks.get(chain.pair_at(start))) is not None:
                    heappush(heap, (later, start))
    return list(chain)


class _Chain:
    """A sequence of symbols in which neighbours can be joined without moving the others."""

    def __init__(self, word: Sequence[str]) -> None:
        self.symbols: list[str | None] = list(word)
        self.next = list(range(1, len(word) + 1))
        self.previous = list(range(-1, len(word) - 1))

    def pair_at(self, left: int) -> Pair:
        """Give a symbol and the next; a pair of nothing where either is missing."""
        right = self.next[left] if left >= 0 else len(self.symbols)
        first, second = (self.symbols[n] if 0 <= n < len(self.symbols) else None for n in (left, right))
        return ("", "") if first is None or second is None else (first, second)

    def join(self, left: int) -> tuple[int, int]:
        """Join a symbol and the next; give the places where the two new pairs begin."""
        right = self.next[left]
        first, second = self.pair_at(left)
        self.symbols[left], self.symbols[right] = first + second, None
        self.next[left] = self.next[right]
        if self.next[right] < len(self.symbols):
            self.previous[self.next[right]] = left
        return self.previous[left], left

    def __iter__(self) -> Iterator[str]:
        return (symbol for symbol in self.symbols if symbol is not None)
