"""Speed of two models that were measured apart: the ratio of their speed-ups, and their times on machines alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from tinytorch.benchmarking.statistics import (
    Outcome,
    Ratio,
    Verdict,
    judge_ratios,
    sequential_ratio,
    speedup_change,
)
from tinytorch.benchmarking.statistics.verdicts import MARGIN
from tinytorch.capstone.record import unpack_integers
from tinytorch.capstone.reporting.contrast.findings import Finding
from tinytorch.capstone.reporting.contrast.machines import Machines
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.rows import ROWS
from tinytorch.capstone.reporting.sentences import interval_words
from tinytorch.capstone.reporting.texts import plain_ratio, ratio_text, share_text

__all__ = ["speedup_finding", "time_findings"]

BLOCKS = 20
FEWEST = 5  # calls of a block
SHARED, QUIET = 0.25, 0.05  # how far two runs of one model may come out apart: on a virtual machine, on one's own
VERDICTS = {
    Outcome.FASTER: "better",
    Outcome.SLOWER: "worse",
    Outcome.EQUIVALENT: "equal",
    Outcome.UNDECIDED: "undecided",
}


@dataclass(frozen=True, slots=True)
class Timed:
    """A time that records hold samples of.

    Attributes:
        metric: The row that shows it.
        samples: Where they are.
    """

    metric: str
    samples: str


TIMES = (
    Timed("latency_p50_seconds", "latency_nanoseconds"),
    Timed("throughput_batch_samples_per_second", "batch_nanoseconds"),
)


def speedup_finding(first: Reading, second: Reading) -> Finding:
    """Compare two speed-ups, each over its own baseline in fresh processes: machines need not be alike for that."""
    texts = (_speedup(first), _speedup(second))
    logs = [_session_medians(reading) for reading in (first, second)]
    lacking = [name for name, found in zip(("first", "second"), logs, strict=True) if len(found) < 2]
    if lacking:
        reason = f"the {' and the '.join(lacking)} had no comparison of two sessions or more in fresh processes"
        return Finding("Speed-up over its baseline", *texts, "refused", reason)
    wide, narrow = (speedup_change(logs[0], logs[1], confidence) for confidence in (0.95, 0.90))
    widths = [verdict.null_width for reading in (first, second) if (verdict := reading.verdict)]
    return _judged("Speed-up over its baseline", texts, (wide, narrow), max(widths), "the speed-up of the first")


def _speedup(reading: Reading) -> str:
    if reading.verdict is None:
        return "–"
    ratio = reading.verdict.ratio
    return f"{ratio_text(ratio.value)} ({interval_words(ratio.low, ratio.high).removeprefix('95 % interval ')})"


def _session_medians(reading: Reading) -> list[float]:
    return [median(rounds) for rounds in (reading.comparison or {}).get("log_ratios", ())]


def time_findings(first: Reading, second: Reading, machines: Machines) -> Iterator[Finding]:
    """Compare times of one process each, or say why not: on machines unlike each other they are not compared."""
    for timed in TIMES:
        row = next(row for row in ROWS if row.metric == timed.metric)
        texts = (row.cell(first.subject).line(), row.cell(second.subject).line())
        if any(reading.subject.value(timed.metric) is None for reading in (first, second)):
            continue
        blocks = [_block_medians(reading, timed.samples) for reading in (first, second)]
        reason = machines.reason() or _lack(blocks) or _batches(first, second, timed)
        if reason:
            yield Finding(row.label, *texts, "refused", reason)
            continue
        wide, narrow = (sequential_ratio(blocks[0], blocks[1], confidence) for confidence in (0.95, 0.90))
        allowance = _allowance(first, second)
        found = _judged(row.label, texts, (wide, narrow), allowance, "the first", "; one process each")
        # Nobody knows from one process each that two models are alike: the next two may come out apart.
        yield replace(found, verdict="undecided") if found.verdict == "equal" else found


def _judged(
    label: str, texts: tuple[str, str], ratios: tuple[Ratio, Ratio], allowance: float, of: str, more: str = ""
) -> Finding:
    """Judge a ratio of runs made apart: what two runs of one model may differ by is no difference."""
    verdict = judge_ratios(*ratios, MARGIN, allowance)
    ratio = verdict.ratio
    said = f"{plain_ratio(ratio.value)} times {of}, {interval_words(ratio.low, ratio.high)}{more}"
    return Finding(
        metric=label,
        first=texts[0],
        second=texts[1],
        verdict=VERDICTS[verdict.outcome],  # type: ignore[arg-type]
        said=f"{said}{_doubt(verdict)}",
        protocol="sequential",
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
    )


def _doubt(verdict: Verdict) -> str:
    """Say how far beyond 1 an interval would have to lie."""
    is_sure = verdict.outcome in {Outcome.FASTER, Outcome.SLOWER}
    if is_sure or not verdict.threshold:
        return ""
    return f"; two runs of one model may differ by {share_text(float(f'{verdict.threshold:.2g}'))}"


def _block_medians(reading: Reading, samples: str) -> list[float]:
    """Give the medians of equal stretches of a run: neighbours in time depend on each other, stretches less."""
    packed = reading.subject.samples.get(samples)
    times = unpack_integers(packed) if packed else np.zeros(0, np.int64)
    blocks = min(BLOCKS, len(times) // FEWEST)
    return [float(np.median(block)) for block in np.array_split(times, blocks)] if blocks > 1 else []


def _lack(blocks: Sequence[Sequence[float]]) -> str:
    if all(len(found) > 1 and min(found) > 0 for found in blocks):
        return ""
    return f"both need at least {2 * FEWEST} kept samples above 0"


def _batches(first: Reading, second: Reading, timed: Timed) -> str:
    sizes = [reading.part("protocol").get("batch_size") for reading in (first, second)]
    if timed.samples != "batch_nanoseconds" or sizes[0] == sizes[1]:
        return ""
    return f"the batches differ: {sizes[0]} and {sizes[1]} samples"


def _allowance(first: Reading, second: Reading) -> float:
    """Say how far two runs of one model may come out apart on this kind of machine."""
    systems = [reading.document["environment"]["system_info"] for reading in (first, second)]
    widths = [verdict.null_width for reading in (first, second) if (verdict := reading.verdict)]
    return max(SHARED if any(system.get("is_virtual") is not False for system in systems) else QUIET, *widths, 0.0)
