"""Render what `benchmarks.instrument` and `benchmarks.peers` found as a page with pictures.

python -m benchmarks.instrument_report [--instrument FILE] [--peers FILE] [--coverage FILE] [--page docs/instrument.md]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinytorch.benchmarking.statistics import wilson

__all__ = ["page", "rows_of"]

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"
Row = dict[str, Any]


def main() -> int:
    """Read the results, draw, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instrument", type=Path, default=RESULTS / "instrument.json")
    parser.add_argument("--peers", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--page", type=Path, default=DOCS / "instrument.md")
    options = parser.parse_args()
    instrument = json.loads(options.instrument.read_text(encoding="utf-8"))
    peers = json.loads(options.peers.read_text(encoding="utf-8")) if options.peers.exists() else None
    options.page.parent.mkdir(parents=True, exist_ok=True)
    draw_intervals(instrument["trials"], options.page.with_name("instrument-intervals.png"))
    if peers:
        draw_peers(peers["summary"], options.page.with_name("instrument-peers.png"))
    options.page.write_text(page(instrument, peers), encoding="utf-8")
    return 0


def rows_of(trials: Sequence[Row]) -> list[Row]:
    """Sum up the trials of each section and pair."""
    groups: dict[tuple[str, int, int], list[Row]] = {}
    for trial in trials:
        groups.setdefault((trial["section"], trial["baseline"], trial["candidate"]), []).append(trial)
    return [_summed(*key, group) for key, group in groups.items()]


def _summed(section: str, baseline: int, candidate: int, group: Sequence[Row]) -> Row:
    truth = group[0]["truth"]
    right = {1.0: ()}.get(truth, ("slower",))
    claimed = sum(trial["outcome"] in {"faster", "slower"} for trial in group)
    detected = sum(trial["outcome"] in right for trial in group)
    bounded = [trial for trial in group if trial["low"] is not None]
    return {
        "section": section,
        "pair": f"{baseline} : {candidate}",
        "truth": truth,
        "trials": len(group),
        "false": wilson(claimed - detected, len(group)),
        "detected": wilson(detected, len(group)) if truth != 1 else None,
        "covered": wilson(sum(trial["low"] <= truth <= trial["high"] for trial in bounded), max(len(bounded), 1)),
        "bias": statistics.median(trial["value"] for trial in group) / truth - 1,
        "half_width": statistics.median(trial["high"] / trial["value"] - 1 for trial in bounded),
        "seconds": statistics.median(trial["seconds"] for trial in group),
        "overhead": statistics.median(trial["overhead"] for trial in group),
    }


def page(instrument: Mapping[str, Any], peers: Mapping[str, Any] | None) -> str:
    """Write the page."""
    machine, rows = instrument["environment"], rows_of(instrument["trials"])
    lines = [
        "# What the instrument is worth",
        "",
        "Pairs of subjects whose true ratio is known, compared again and again: identical ones must not be told apart,",
        "different ones must, and the intervals must hold the truth. Evidence, not a test: made by",
        "`python -m benchmarks.instrument` and `python -m benchmarks.peers`, rendered by",
        "`python -m benchmarks.instrument_report`. A subject is a small network's forward pass, repeated 40 to 101",
        "times (about a quarter of a millisecond), or a wait of known length. Shares have Wilson's interval, at 95 %.",
        "",
        f"Measured on {instrument['started'][:10]}: {_described(machine)}, one BLAS thread.",
        *(["", instrument["remark"]] if "remark" in instrument else []),
        "",
        "| what | work | true speed-up | trials | wrong | found | interval holds truth | bias | ± | time |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *[_row(row) for row in rows],
        "",
        "Wrong is a verdict of `faster` or `slower` where nothing differs, or the wrong one of the two. `±` is the",
        "median half-width of the 95 % interval; time is wall time of a whole comparison, all its processes included.",
        "A wait is as long as it says but for the call around it, so `known time` shows the bias; its intervals are",
        "narrower than what that call takes.",
        f"Of the rounds, {100 * statistics.median(r['overhead'] for r in rows):.0f} % were not measuring (median).",
        "",
        "![Every interval, against the truth](instrument-intervals.png)",
        "",
    ]
    return "\n".join(lines + (_peer_lines(peers) if peers else [])) + "\n"


def _described(machine: Mapping[str, Any]) -> str:
    kind = f"virtual ({machine['hypervisor']})" if machine["is_virtual"] else "not virtual"
    versions = f"Python {machine['python_version']}, NumPy {machine['numpy_version']}"
    return f"{machine['cpu_model']}, {machine['logical_cores']} logical cores, {kind}, {versions}"


def _row(row: Row) -> str:
    cells = [
        row["section"],
        row["pair"],
        f"{row['truth']:.4f}",
        str(row["trials"]),
        _share(row["false"]),
        "" if row["detected"] is None else _share(row["detected"]),
        _share(row["covered"]),
        f"{100 * row['bias']:+.2f} %",
        f"{100 * row['half_width']:.2f} %",
        f"{row['seconds']:.1f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _share(estimate: Any) -> str:
    return f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _peer_lines(peers: Mapping[str, Any]) -> list[str]:
    head = "| neighbour | tool | pair | answers | said to differ, rightly or not | bias | spread | time |"
    lines = [
        "## Beside its peers",
        "",
        "The same question to every tool, in turns:",
        "",
        head,
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in peers["summary"]:
        value, low, high = row["share"]
        bias = "" if row["bias_percent"] is None else f"{row['bias_percent']:+.2f} %"
        spread = "" if row["spread_percent"] is None else f"{row['spread_percent']:.2f} %"
        share = f"{100 * value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
        cells = [row["neighbour"], row["tool"], row["case"], str(row["answers"]), share, bias, spread]
        lines.append(f"| {' | '.join(cells)} | {row['seconds_median']:.1f} s |")
    explained = (
        "For `identical` the share is of false alarms; elsewhere it is of differences found in the right direction."
    )
    return [*lines, "", explained, "", "![Tools beside each other](instrument-peers.png)"]


def draw_intervals(trials: Sequence[Row], path: Path) -> None:
    """Draw every trial's interval against the truth, a panel a section and pair."""
    from matplotlib.figure import Figure

    groups: dict[str, list[Row]] = {}
    for trial in trials:
        groups.setdefault(f"{trial['section']}\n{trial['baseline']} : {trial['candidate']}", []).append(trial)
    figure = Figure(figsize=(11, 2.6 * ((len(groups) + 3) // 4)), layout="constrained")
    for number, (title, group) in enumerate(groups.items()):
        axes = figure.add_subplot((len(groups) + 3) // 4, 4, number + 1)
        for place, trial in enumerate(sorted(group, key=lambda trial: trial["value"])):
            holds = trial["low"] is not None and trial["low"] <= trial["truth"] <= trial["high"]
            ends = (trial["low"] or trial["value"], trial["high"] or trial["value"])
            axes.plot([place, place], ends, color="#4477aa" if holds else "#cc3311", linewidth=1)
        axes.axhline(group[0]["truth"], color="black", linewidth=0.8)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xticks([])
    figure.supylabel("speed-up, 95 % interval\n(red: misses the truth)", fontsize=8)
    figure.savefig(path, dpi=120)


def draw_peers(summary: Sequence[Row], path: Path) -> None:
    """Draw false alarms against the power at 2 %, a point a tool, with intervals."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(row["neighbour"] for row in summary))
    figure = Figure(figsize=(5.2 * len(kinds), 4.4), layout="constrained")
    for number, kind in enumerate(kinds):
        axes = figure.add_subplot(1, len(kinds), number + 1)
        found = {(row["tool"], row["case"]): row["share"] for row in summary if row["neighbour"] == kind}
        for tool in dict.fromkeys(row["tool"] for row in summary):
            if (tool, "identical") not in found or (tool, "2 % more") not in found:
                continue
            (x, x_low, x_high), (y, y_low, y_high) = found[tool, "identical"], found[tool, "2 % more"]
            spans = {"xerr": [[x - x_low], [x_high - x]], "yerr": [[y - y_low], [y_high - y]]}
            axes.errorbar(x, y, **spans, fmt="o", label=tool, capsize=2, linewidth=1)
        axes.axvline(0.05, color="grey", linestyle=":", linewidth=1)
        axes.set(
            title=kind,
            xlabel="false alarms on identical subjects",
            ylabel="differences of 2 % found",
            xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.03),
        )
        axes.legend(fontsize=7, loc="lower right")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
