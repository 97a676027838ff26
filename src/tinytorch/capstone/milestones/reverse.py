"""A transformer learns an algorithm from examples: to write a string of digits backwards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinytorch.capstone.milestones.language import Batch, Plan, Tokens, train_language_model
from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Run
from tinytorch.core.transformers import GPT

__all__ = ["REVERSE"]

SHORTEST, LONGEST = 5, 12
EQUALS = 10  # the token after the ten digits
CONTEXT = 2 * LONGEST + 1
WIDTH, LAYERS, HEADS = 64, 2, 4
SIZES = {"embed_dim": WIDTH, "num_layers": LAYERS, "num_heads": HEADS}
BATCH_SIZE = 64
PLAN, SMOKE_PLAN = Plan(steps=4000, learning_rate=0.003), Plan(steps=3, learning_rate=0.003)
TESTED, SMOKE_TESTED = 500, 2  # strings of each length
HELD_OUT = 7  # the last digit of the sum of a string's digits, if the string is for testing
SHOWN = 3


def _run(run: Run) -> Outcome:
    """Learn from random strings, and reverse others.

    A string is for testing if its digits add up to 7, 17, 27 and so on; none of these is ever trained on. An answer
    is right if every digit of it is.
    """
    rng = np.random.default_rng(run.seed)
    model = GPT(EQUALS + 1, WIDTH, LAYERS, HEADS, max_seq_len=CONTEXT)
    plan = SMOKE_PLAN if run.smoke else PLAN
    train_language_model(run, model, plan, _batches(rng))
    strings = [_strings(rng, length, SMOKE_TESTED if run.smoke else TESTED, held_out=True) for length in LENGTHS]
    answers = [_answers(model, some) for some in strings]
    right = np.concatenate([_are_reversed(*pair) for pair in zip(strings, answers, strict=True)])
    figures = (
        Figure("strings reversed without a mistake", float(right.mean()), "ratio"),
        Figure("strings tested", len(right), "strings"),
        Figure("parameters", sum(parameter.size for parameter in model.parameters()), "numbers"),
    )
    settings = {"lengths": [SHORTEST, LONGEST], "steps": plan.steps, "learning_rate": plan.learning_rate}
    return Outcome(figures, _shown(strings[-1], answers[-1]), settings | {"batch_size": BATCH_SIZE, **SIZES})


LENGTHS = range(SHORTEST, LONGEST + 1)


def _strings(rng: np.random.Generator, length: int, count: int, *, held_out: bool) -> Tokens:
    """Draw strings that are for testing, or that are not, (count, length)."""
    drawn = rng.integers(0, 10, size=(20 * count + 200, length))
    chosen = (drawn.sum(axis=1) % 10 == HELD_OUT) == held_out
    return drawn[chosen][:count]


def _batches(rng: np.random.Generator) -> Callable[[], Batch]:
    def next_batch() -> Batch:
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        lines = _lines(_strings(rng, length, BATCH_SIZE, held_out=False))
        return lines[:, :-1], lines[:, 1:], (slice(None), slice(length, None))

    return next_batch


def _lines(strings: Tokens) -> Tokens:
    """Write each string, an equals sign, and the string backwards."""
    equals = np.full((len(strings), 1), EQUALS)
    return np.concatenate([strings, equals, strings[:, ::-1]], axis=1)


def _answers(model: GPT, strings: Tokens) -> Tokens:
    length = strings.shape[1]
    prompts = _lines(strings)[:, : length + 1]
    written = model.generate(prompts, max_new_tokens=length, temperature=0)
    return written.data[:, length + 1 :].astype(np.int64)


def _are_reversed(strings: Tokens, answers: Tokens) -> Tokens:
    return (answers == strings[:, ::-1]).all(axis=1)


def _shown(strings: Tokens, answers: Tokens) -> str:
    pairs = zip(strings[:SHOWN].tolist(), answers[:SHOWN].tolist(), strict=True)
    return "\n".join(f"{_text(string)} = {_text(answer)}" for string, answer in pairs)


def _text(tokens: list[int]) -> str:
    return "".join("0123456789="[token] for token in tokens)


REVERSE = Milestone(
    name="reverse",
    year=2017,
    title="a transformer learns from examples to write strings of digits backwards",
    source="A. Vaswani et al. (2017), Attention Is All You Need",
    goal=Goal("more", 0.99),
    run=_run,
)
