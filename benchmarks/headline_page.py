"""The page of the headline, written from its record.

python -m benchmarks.headline_page benchmarks/results/headline.json docs/headline.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.headline import finalist, speeds_in

NAMES = {
    "digits": "digits, MLP 64-128-10",
    "mlp-mnist": "MNIST, MLP 784-512-256-10",
    "lenet": "MNIST, LeNet",
    "gpt": "Shakespeare's letters, GPT 4 × 128",
}
BEGINNING = """# Smaller and faster: the headline

Written by `python -m benchmarks.headline_page`; the record is `benchmarks/results/headline.json`, and
`python -m benchmarks.headline` makes it anew.

Goals: at least {smaller:g} times smaller, {faster:g} times as fast as the baseline, as it is and compiled, at a loss
of accuracy of at most {points:g} point that is shown on test samples that no choice saw. Sizes are bytes of the
file. Speeds are of calls side by side in fresh processes, on one thread, with 95 % intervals; a goal of speed is
reached if the lower end is.
"""
SIZES = """
## Size and accuracy

| model | made by | smaller | test accuracy, before and after | change, points | shown |
| --- | --- | --- | --- | --- | --- |
"""
SPEEDS = """
## Speed

The seconds are those of the baseline as it is, of it compiled, and of the chosen one, in microseconds: of a call of
a few of them, what any call costs is a large part.

| model | a call | beside the baseline as it is | beside it compiled | compiled beside as it is | µs |
| --- | --- | --- | --- | --- | --- |
"""
FRONT = """
## What else was tried

The finalists of each search, measured beside each other at the batch that the search was for, and the candidates
that were passed over.

| model | candidate | smaller | validation, points | beside compiled | |
| --- | --- | --- | --- | --- | --- |
"""


def main(arguments: list[str]) -> int:
    """Write the page."""
    source, target = map(Path, arguments)
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


def page(record: dict[str, Any]) -> str:
    """Lay the record out."""
    goals, models = record["goals"], record["models"]
    beginning = BEGINNING.format(**goals, points=100 * goals["margin"])
    parts = [beginning, SIZES, *map(size_row, models.items()), SPEEDS]
    parts += [row for each in models.items() for row in speed_rows(*each)]
    parts += ["\n", *(line for each in models.items() for line in missed(*each)), *text(models.get("gpt", {}))]
    return "".join([*parts, FRONT, *(row for each in models.items() for row in front_rows(*each))])


def size_row(item: tuple[str, dict[str, Any]]) -> str:
    """Lay out what was chosen."""
    name, model = item
    chosen, before = finalist(model), model["search"]["baseline"]["test"]["accuracy"]["value"]
    if chosen is None:
        return f"| {NAMES[name]} | nothing was chosen | | {before:.2%} | | |\n"
    change, accuracy = chosen["test"]["beside"]["difference"], chosen["test"]["accuracy"]["value"]
    points = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(100 * change[end] for end in ("value", "low", "high")))
    shown = "yes" if chosen["is_shown"] else "no"
    accuracies = f"{100 * before:.2f} % and {100 * accuracy:.2f} % of {chosen['test']['total']:,}"
    return (
        f"| {NAMES[name]} | {chosen['recipe']} | {chosen['compression']:.2f}× | {accuracies} | {points} | {shown} |\n"
    )


def speed_rows(name: str, model: dict[str, Any]) -> Iterator[str]:
    """Lay out the comparisons."""
    for title, speed in speeds_in(model):
        cells = [ratio(speed[key]) for key in ("to_eager", "to_compiled", "compiled_to_eager")]
        yield f"| {NAMES[name]} | {title} | {' | '.join(cells)} | {microseconds(speed['seconds'])} |\n"


def ratio(found: dict[str, Any]) -> str:
    """Write a speed-up with its interval."""
    return f"{found['speedup']:.2f}× [{found['low']:.2f}, {found['high']:.2f}]"


def microseconds(seconds: list[float | None]) -> str:
    """Write what calls take; some never settle."""
    return ", ".join("unsettled" if each is None else f"{1e6 * each:,.1f}" for each in seconds)


def missed(name: str, model: dict[str, Any]) -> Iterator[str]:
    """Say which goals are not reached."""
    goals = [goal for goal, is_reached in model.get("reached", {}).items() if not is_reached]
    said = f"not reached: {'; '.join(goals)}" if goals else "every goal is reached"
    judged = any(True for _ in speeds_in(model))
    yield f"- {NAMES[name]}: {said if judged else 'its speed is known from the search alone, below'}.\n"


def text(model: dict[str, Any]) -> Iterator[str]:
    """Say how alike the GPT and what was chosen read."""
    if "text" not in model:
        return
    found = model["text"]
    nats, pair = found["nats"], found["perplexity"]
    ends = "{value:+.4f} [{low:+.4f}, {high:+.4f}]".format(**nats["difference"])
    alike = "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * found["agreement"][end] for end in ("value", "low", "high")))
    yield "\nThe accuracy of the GPT is that of the next letter; a window of 128 letters is one observation. On the "
    yield f"test text\nits perplexity is {pair['baseline']:.3f} before and {pair['chosen']:.3f} after, {ends} nats a "
    yield f"letter; both find the\nsame letter likeliest at {alike} of the places.\n"


def front_rows(name: str, model: dict[str, Any]) -> Iterator[str]:
    """Lay out finalists, what was passed over, and what could not be made."""
    search = model["search"]
    for one in search["finalists"]:
        speed = "" if one["speed"] is None else ratio(one["speed"]["to_compiled"])
        yield candidate(name, one, speed, "chosen" if one["recipe"] == search["chosen"] else "finalist")
    for one in (one for one in search["screened"] if one["passed_over"]):
        yield candidate(name, one, "", one["passed_over"])
    for one in search["failed"]:
        yield f"| {NAMES[name]} | {one['recipe']} | | | | {one['reason'].partition(': ')[2]} |\n"


def candidate(name: str, one: dict[str, Any], speed: str, said: str) -> str:
    """Lay out one candidate."""
    points = 100 * one["validation"]["beside"]["difference"]["value"]
    return f"| {NAMES[name]} | {one['recipe']} | {one['compression']:.2f}× | {points:+.2f} | {speed} | {said} |\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
