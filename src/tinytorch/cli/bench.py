"""`tinytorch bench`: one subject alone, all that can be measured of it, and the reason where something cannot."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tinytorch.cli import output
from tinytorch.cli.progress import shown

if TYPE_CHECKING:
    from tinytorch.benchmarking import Measurement
    from tinytorch.benchmarking.metrics import Finding
    from tinytorch.benchmarking.statistics import Estimate

__all__ = ["execute"]

INTERRUPTED = 130
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
ELSEWHERE = {"latency"}  # the measurement itself says it better
TEXTS: dict[str, Callable[[float], str]] = {
    "seconds": lambda value: output.duration(1000 * value),
    "bytes": output.bytes_,
    "ratio": output.percent,
    "samples_per_second": output.rate,
    "joules": lambda value: f"{value:.3g} J",
    "count": lambda value: f"{value:,.0f}",
}


def execute(options: Namespace) -> int:
    """Measure and print; return 1 if a session failed."""
    found = _measured(options)
    names = [] if options.latency_only or not found.complete else _others()
    findings = _findings(options.subject, names)
    document = {"measurement": found.to_dict(), "metrics": {name: one.to_dict() for name, one in findings.items()}}
    if options.output:
        from tinytorch.files import write_atomically

        write_atomically(options.output, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
    if options.json:
        output.print_json(document | {"warnings": found.warnings()})
    else:
        _print(found, findings, names, options.output)
    return int(bool(found.lost)) if found.complete and len(findings) == len(names) else INTERRUPTED


def _measured(options: Namespace) -> Measurement:
    from tinytorch.benchmarking import Hooks, Sampling, measure

    sampling = Sampling(sessions=options.sessions, calls=options.calls, threads=options.threads)
    with shown() as on_progress:
        return measure(options.subject, sampling, seed=options.seed, hooks=Hooks(on_progress=on_progress))


def _others() -> list[str]:
    from tinytorch.benchmarking import METRICS

    return [name for name in METRICS if name not in ELSEWHERE]


def _findings(subject: str, names: Sequence[str]) -> dict[str, Finding]:
    """Measure one metric after another; an interrupt leaves those that were measured."""
    from tinytorch.benchmarking import METRICS, Progress, case_of

    case = case_of(subject)
    found: dict[str, Finding] = {}
    with shown() as on_progress, suppress(KeyboardInterrupt):
        for number, name in enumerate(names):
            on_progress(Progress("measuring the rest", number, len(names), name))
            found[name] = METRICS[name].measure(case)
        on_progress(Progress("measuring the rest", len(found), len(names)))
    return found


def _print(found: Measurement, findings: Mapping[str, Finding], names: Sequence[str], path: str | None) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = output.console()
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column(found.subject["name"], overflow="fold")
    for name in ("value", "95 % interval"):
        made.add_column(name, justify="right", overflow="fold")
    for percent in PERCENTILES:
        made.add_row(f"latency, p{percent:g}", *_cells(found.percentile(percent), "seconds"))
    made.add_row("in yardsticks, p50", *_cells(found.in_yardsticks(), "count", plain=True))
    for name, finding in findings.items():
        made.add_row(_label(name, finding), *_finding_cells(finding))
    console.print(made)
    missing = [] if len(findings) == len(names) else [f"It was broken off before {', '.join(names[len(findings) :])}."]
    for text in (*found.notes, *found.warnings(), *missing):
        console.print(Text(f"Note: {text}", style="yellow"))
    calls = sum(len(session.durations_ns) for session in found.sessions)
    console.print(Text(f"{calls:,} calls in {len(found.sessions)} processes, seed {found.seed}.", style="dim"))
    if path:
        console.print(Text.assemble("The record is in ", (path, "bold"), "."), soft_wrap=True)


def _label(name: str, finding: Finding) -> str:
    """Name a metric, and the batch size where the best of several is shown."""
    from tinytorch.benchmarking.metrics import Measured

    parts = finding.parts if isinstance(finding, Measured) else {}
    best = [part for part, estimate in parts.items() if part.startswith("batch_") and estimate is finding.estimate]  # type: ignore[union-attr]
    return ", ".join([name, *best]).replace("_", " ")


def _finding_cells(finding: Finding) -> tuple[str, str]:
    from tinytorch.benchmarking.metrics import Measured

    if isinstance(finding, Measured):
        return _cells(finding.estimate, finding.unit)
    return output.MISSING, finding.reason


def _cells(estimate: Estimate, unit: str, *, plain: bool = False) -> tuple[str, str]:
    """Write a value and its interval, or why there is none."""
    show: Callable[[float], str] = "{:.4g}".format if plain else TEXTS[unit]
    if estimate.value is None:
        least = "" if estimate.low is None else f"at least {show(estimate.low)}; "
        return output.MISSING, f"{least}{estimate.reason}"
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return show(estimate.value), estimate.reason or ""
    return show(estimate.value), f"{show(estimate.low)} – {show(estimate.high)}"
