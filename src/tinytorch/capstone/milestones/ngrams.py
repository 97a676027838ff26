"""What can be predicted by counting: a model of characters that a language model has to beat."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tinytorch.core.layers import require_count

__all__ = ["NGrams"]

Counts = Mapping[str, Counter[str]]


class NGrams:
    """Predicts a character from the `order - 1` before it, by interpolated Kneser-Ney smoothing.

    The longest contexts count how often a character followed; shorter ones count after how many different characters
    it followed, since they are asked only where longer ones know little. Each count gives up a discount, estimated
    from how many counts are 1 and 2, and what is given up is shared out by the next shorter context; the last shares
    alike among all characters. Contexts do not reach across texts.

    Args:
        order: Characters in all, the predicted one included.
        texts: What to learn from.
        vocab: Every character that may occur; probabilities add up to 1 over them.

    Raises:
        RangeError: If the order is not a whole number above 0.

    Example:
        >>> model = NGrams(2, ["abab"], "ab")
        >>> round(model.probability("a", "b"), 3), round(model.probability("a", "b") + model.probability("a", "a"), 3)
        (0.917, 1.0)

    Source:
        R. Kneser, H. Ney (1995), Improved Backing-off for M-gram Language Modeling; S. Chen, J. Goodman (1999), An
        Empirical Study of Smoothing Techniques for Language Modeling, equation 24.
    """

    def __init__(self, order: int, texts: Iterable[str], vocab: Iterable[str]) -> None:
        require_count("order", order)
        self.order = order
        self.uniform = 1 / len(set(vocab))
        self.tables: list[Counts] = [_followers(texts, order - 1)]  # the longest contexts last, in the end
        for _ in range(order - 1):
            self.tables.insert(0, _shortened(self.tables[0]))
        self.discounts = [_discount(table) for table in self.tables]
        self.totals = [{context: counts.total() for context, counts in table.items()} for table in self.tables]

    def probability(self, context: str, character: str) -> float:
        """Give the probability of a character after a context, of which the last `order - 1` characters count."""
        estimate = self.uniform
        for length in range(min(len(context), self.order - 1) + 1):
            seen = context[len(context) - length :]
            counts = self.tables[length].get(seen)
            if counts is not None:
                kept = max(counts[character] - self.discounts[length], 0.0)
                shared = self.discounts[length] * len(counts) * estimate
                estimate = (kept + shared) / self.totals[length][seen]
        return estimate

    def loss(self, texts: Iterable[str]) -> float:
        """Give the mean of `-log p` over all characters but the first of each text, in nats."""
        total, count = 0.0, 0
        for text in texts:
            for place in range(1, len(text)):
                context = text[max(place - self.order + 1, 0) : place]
                total -= math.log(self.probability(context, text[place]))
                count += 1
        return total / count


def _followers(texts: Iterable[str], length: int) -> Counts:
    """Count what follows each context of a length."""
    grams: Counter[str] = Counter()
    for text in texts:
        grams.update(text[start : start + length + 1] for start in range(len(text) - length))
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for gram, count in grams.items():
        table[gram[:-1]][gram[-1]] = count
    return dict(table)


def _shortened(table: Counts) -> Counts:
    """Count after how many different first characters each follower of a shorter context was seen."""
    shorter: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for context, counts in table.items():
        shorter[context[1:]].update(counts.keys())
    return dict(shorter)


def _discount(table: Counts) -> float:
    """Estimate the discount of Ney, Essen and Kneser (1994); a half where nothing can be estimated."""
    once = twice = 0
    for counts in table.values():
        values = list(counts.values())
        once, twice = once + values.count(1), twice + values.count(2)
    return once / (once + 2 * twice) if once else 0.5
