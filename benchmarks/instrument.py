"""What the instrument itself is worth, measured: false alarms, noise, power, known work, overhead.

python -m benchmarks.instrument [--only SECTION ...] [--scale 1.0] [--output FILE] [--resume] [--seconds 500] [--smoke]

Every section is a list of trials; a trial is one comparison of two subjects whose true ratio is known. Trials of all
sections but the noisy ones take turns, so that all meet the same machine. `--scale 0.1` makes a tenth of the trials.
`--seconds` ends in time, and `--resume` goes on where the file ends: a machine need not be quiet for an hour on end.
`python -m benchmarks.instrument_report FILE` renders the results as `docs/instrument.md` with its pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.neighbour import KINDS, bursting
from tinytorch.benchmarking import collect_environment, compare, utc_now

__all__ = ["SECTIONS", "Section", "Trial", "plan", "run_trial"]

CALLS = "benchmarks.known:calls?count={}"
BUSY = "benchmarks.known:busy?microseconds={}"


@dataclass(frozen=True)
class Section:
    """One question to the instrument.

    Attributes:
        subject: What is compared with itself or with more of itself; `{}` stands for how much.
        pairs: Amounts of baseline and candidate; the true speed-up is their quotient.
        runs: Trials of each pair.
        preset: Which preset is under test.
        neighbour: What disturbs meanwhile.
    """

    subject: str
    pairs: tuple[tuple[int, int], ...]
    runs: int
    preset: str = "standard"
    neighbour: str = "quiet"


SECTIONS = {
    "null": Section(CALLS, ((50, 50),), 140),
    "null, quick": Section(CALLS, ((50, 50),), 60, "quick"),
    "power": Section(CALLS, ((100, 101), (50, 51), (40, 42)), 30),
    "known work": Section(CALLS, ((50, 53),), 30),
    "known time": Section(BUSY, ((50, 51), (200, 204), (1000, 1020)), 10, "quick"),
    **{f"noise, {kind}": Section(CALLS, ((50, 50), (50, 53)), 30, "quick", kind) for kind in KINDS if kind != "quiet"},
}


@dataclass(frozen=True)
class Trial:
    """One comparison.

    Attributes:
        section: Which question it belongs to.
        baseline: The amount of work of the baseline.
        candidate: The candidate's.
        truth: The true speed-up.
        outcome: The verdict.
        value: The speed-up found.
        low: The lower end of its interval.
        high: The upper end.
        detectable: What it said it could detect, as a share.
        seconds: Wall time of the comparison, start-up of all processes included.
        overhead: The share of the rounds that was not measuring.
        latency: Seconds of one call of the baseline.
    """

    section: str
    baseline: int
    candidate: int
    truth: float
    outcome: str
    value: float
    low: float | None
    high: float | None
    detectable: float | None
    seconds: float
    overhead: float
    latency: float | None


def main() -> int:
    """Run the sections chosen and keep every trial; an interrupt keeps what there is."""
    options = arguments()
    sections = {name: SECTIONS[name] for name in options.only or SECTIONS}
    planned, record = plan(sections, options.scale), record_of(options)
    end = time.monotonic() + options.seconds
    try:
        for number, (name, pair) in list(enumerate(planned))[len(record["trials"]) :]:
            if time.monotonic() > end:
                break
            with bursting(sections[name].neighbour, seed=number), _on_core(options.core):
                trial = run_trial(name, sections[name], pair, seed=number)
            record["trials"].append(asdict(trial))
            _keep(record, options.output)
            line = (
                f"{number + 1}/{len(planned)} {name}: {pair} {trial.outcome} {trial.value:.4f} in {trial.seconds:.1f} s"
            )
            print(line, file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted; what was measured is kept", file=sys.stderr)
    return 0


def record_of(options: argparse.Namespace) -> dict[str, Any]:
    """Start a record, or take up the one that is to be gone on with."""
    if options.resume and options.output is not None and options.output.exists():
        return dict(json.loads(options.output.read_text(encoding="utf-8")))
    return {"started": utc_now(), "core": options.core, "environment": collect_environment(), "trials": []}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--scale", type=float, default=1.0, help="how many of the planned trials to make")
    parser.add_argument("--output", type=Path, help="where to keep the trials")
    parser.add_argument("--core", type=int, help="hold all that is measured on this core, where others have work too")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no trial after so many seconds")
    parser.add_argument("--resume", action="store_true", help="go on where the output file ends")
    parser.add_argument("--smoke", action="store_true", help="one trial of each pair")
    options = parser.parse_args(given)
    options.scale = 0.0 if options.smoke else options.scale
    return options


@contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """Hold this process and its children on one core; a neighbour that has a core of its own is not held."""
    allowed = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def plan(sections: dict[str, Section], scale: float) -> list[tuple[str, tuple[int, int]]]:
    """List the trials in random order, those beside one neighbour together."""
    planned = [
        (name, pair)
        for name, section in sections.items()
        for pair in section.pairs
        for _ in range(max(1, math.ceil(section.runs * scale)))
    ]
    random.Random(0).shuffle(planned)  # noqa: S311  orders, not secrets
    neighbours = list(dict.fromkeys(section.neighbour for section in sections.values()))
    return sorted(planned, key=lambda entry: neighbours.index(sections[entry[0]].neighbour))


def run_trial(name: str, section: Section, pair: tuple[int, int], seed: int) -> Trial:
    """Compare one pair."""
    start = time.monotonic()
    subjects = [section.subject.format(amount) for amount in pair]
    found = compare(*subjects, preset=section.preset, seed=seed, certified=False)
    seconds, verdict = time.monotonic() - start, found.verdict
    return Trial(
        section=name,
        baseline=pair[0],
        candidate=pair[1],
        truth=pair[0] / pair[1],
        outcome=str(verdict.outcome),
        value=verdict.ratio.value,
        low=verdict.ratio.low,
        high=verdict.ratio.high,
        detectable=verdict.minimum_detectable_effect,
        seconds=seconds,
        overhead=found.overhead_share,
        latency=found.latency(0).value,
    )


def _keep(record: dict[str, object], output: Path | None) -> None:
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
