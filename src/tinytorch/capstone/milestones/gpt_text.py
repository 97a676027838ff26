"""A transformer writes like Shakespeare, letter by letter, and is measured against counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch.capstone.milestones.language import Batch, Plan, Tokens, held_out_loss, train_language_model
from tinytorch.capstone.milestones.milestone import Figure, Goal, Milestone, Outcome, Run
from tinytorch.capstone.milestones.ngrams import NGrams
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.transformers import GPT
from tinytorch.datasets import Tragedies, load_tragedies

__all__ = ["GPT_TEXT"]

CONTEXT, BATCH_SIZE = 128, 16
WIDTH, LAYERS, HEADS = 128, 4, 4
SIZES = {"embed_dim": WIDTH, "num_layers": LAYERS, "num_heads": HEADS}
PLAN, SMOKE_PLAN = Plan(steps=5000, learning_rate=0.003), Plan(steps=2, learning_rate=0.003)
ORDERS, SMOKE_ORDERS = range(2, 9), range(2, 4)
SMOKE_TRAIN, SMOKE_VALIDATION = 20_000, 500  # characters of one play
UNIT = "nats a character"
COUNTING = 1.452  # the best n-gram model has 1.4521
PROMPT, SAMPLE, SMOKE_SAMPLE = "HAMLET", 500, 5


def _run(run: Run) -> Outcome:
    """Train on the beginnings of six plays, and predict their ends.

    The goal is what counting can do: the loss of the best of seven n-gram models, chosen by the very text it is then
    tested on, which favours it.
    """
    plays = load_tragedies()
    train, validation = _parts(plays, smoke=run.smoke)
    order, baseline = _best_ngrams(run, train, validation)
    tokenizer = CharTokenizer()
    tokenizer.build_vocab(train)
    model = GPT(tokenizer.vocab_size, WIDTH, LAYERS, HEADS, max_seq_len=CONTEXT, tie_weights=True)
    plan = SMOKE_PLAN if run.smoke else PLAN
    train_language_model(run, model, plan, _batches(_ids(tokenizer, "".join(train)), run.seed))
    count = sum(len(text) - 1 for text in validation)
    loss = sum(held_out_loss(model, _ids(tokenizer, text)) for text in validation) / count
    figures = (
        Figure("validation loss of the GPT", loss, UNIT),
        Figure(f"validation loss of the best n-gram model (n = {order})", baseline, UNIT),
        Figure("parameters", sum(parameter.size for parameter in model.parameters()), "numbers"),
    )
    return Outcome(figures, _written(model, tokenizer, run), _described(plays, plan))


def _parts(plays: Tragedies, *, smoke: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if smoke:
        return (plays.train[0][:SMOKE_TRAIN],), (plays.train[0][SMOKE_TRAIN:][:SMOKE_VALIDATION],)
    return plays.train, plays.validation


def _best_ngrams(run: Run, train: tuple[str, ...], validation: tuple[str, ...]) -> tuple[int, float]:
    vocab = set().union(*train, *validation)
    losses = {}
    orders = SMOKE_ORDERS if run.smoke else ORDERS
    for number, order in enumerate(orders, 1):
        losses[order] = NGrams(order, train, vocab).loss(validation)
        run.tell("counting n-grams", number, len(orders), f"n = {order}: {losses[order]:.4f}")
    best = min(losses, key=losses.__getitem__)
    return best, losses[best]


def _ids(tokenizer: CharTokenizer, text: str) -> Tokens:
    return np.array(tokenizer.encode(text))


def _batches(text: Tokens, seed: int) -> Callable[[], Batch]:
    """Take windows at random places."""
    rng = np.random.default_rng(seed)

    def next_batch() -> Batch:
        starts = rng.integers(0, len(text) - CONTEXT, size=BATCH_SIZE)
        places = starts[:, None] + np.arange(CONTEXT)  # (B, T)
        return text[places], text[places + 1], ...

    return next_batch


def _written(model: GPT, tokenizer: CharTokenizer, run: Run) -> str:
    prompt = np.array([tokenizer.encode(PROMPT)])
    length = SMOKE_SAMPLE if run.smoke else SAMPLE
    tokens = model.generate(prompt, max_new_tokens=length, temperature=0.8, seed=run.seed)
    return tokenizer.decode(tokens.data[0].tolist())


def _described(plays: Tragedies, plan: Plan) -> dict[str, Any]:
    data = {"data": plays.name, "version": plays.version, "sha256": plays.sha256}
    training = {"steps": plan.steps, "learning_rate": plan.learning_rate, "batch_size": BATCH_SIZE}
    return data | training | {"context": CONTEXT, **SIZES}


GPT_TEXT = Milestone(
    name="gpt-text",
    year=2018,
    title="a transformer predicts the letters of Shakespeare's tragedies, better than counting can",
    source="A. Radford et al. (2018), Improving Language Understanding by Generative Pre-Training",
    goal=Goal("less", COUNTING, UNIT),
    run=_run,
)
