"""A picture of what a search found; needs matplotlib. A figure is made on its own, without pyplot's global state."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from tinytorch.capstone.search.findings import Finalist, Findings

__all__ = ["picture"]

BLUE, RED, GREY, GREEN = "#4c72b0", "#c44e52", "#8c8c8c", "#55a868"
ACROSS = "times as fast as the compiled baseline"


def picture(findings: Findings) -> Figure:
    """Draw size against speed, and the difference in accuracy against speed, with their intervals.

    Up and right is better in both. Finalists are numbers, which the legend explains; a red one is not shown to lose no
    more than allowed, a ring is round the chosen one. Candidates that were only screened are grey: what is known of
    them is a short comparison and the validation samples.
    """
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _sizes(left, findings)
    _differences(right, findings)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    figure.suptitle(f"{findings.task}: smaller and faster, and what it costs", x=0.01, ha="left")
    return figure


def _sizes(axes: Any, findings: Findings) -> None:
    _baseline(axes, findings, 1.0)
    for number, one in enumerate(findings.finalists, 1):
        _finalist(axes, findings, one, number, (findings.compression(one.built), None, None))
    screened = [one for one in findings.screened if one.speed is not None and one.passed_over]
    speeds = [one.speed.ratio.value for one in screened if one.speed is not None]
    heights = [findings.compression(one.built) for one in screened]
    axes.plot(speeds, heights, "x", color=GREY, label="screened only", zorder=1)
    axes.set_yscale("log")
    _finish(axes, "times smaller, as stored", logarithmic=("x", "y"))


def _differences(axes: Any, findings: Findings) -> None:
    _baseline(axes, findings, 0.0)
    for number, one in enumerate(findings.finalists, 1):
        found = one.test.beside.difference if one.test.beside else None
        value, low, high = (None if end is None else 100 * end for end in _ends(found))
        _finalist(axes, findings, one, number, (value or 0.0, low, high))
    axes.axhline(-100 * findings.margin, color=RED, linewidth=1, linestyle="--")
    axes.text(0.01, -100 * findings.margin, "allowed", transform=axes.get_yaxis_transform(), va="bottom", color=RED)
    _finish(axes, "difference in accuracy, test samples (points)", logarithmic=("x",))


def _ends(found: Any) -> tuple[Any, Any, Any]:
    return (None, None, None) if found is None else (found.value, found.low, found.high)


def _baseline(axes: Any, findings: Findings, height: float) -> None:
    axes.plot([1.0], [height], "s", color="black", label="baseline, compiled")
    if findings.baseline_speed is not None:
        eager = 1 / findings.baseline_speed.to_eager.ratio.value
        axes.plot([eager], [height], "s", color="black", fillstyle="none", label="baseline, eager")


def _finalist(axes: Any, findings: Findings, one: Finalist, number: int, height: tuple[Any, Any, Any]) -> None:
    """Draw one with its intervals; none that was not measured."""
    if one.speed is None:
        return
    ratio, colour = one.speed.to_compiled.ratio, BLUE if one.is_shown else RED
    place, crosses = ([ratio.value], [height[0]]), (_errors(ratio.value, ratio.low, ratio.high), _errors(*height))
    axes.errorbar(*place, xerr=crosses[0], yerr=crosses[1], fmt="none", capsize=3, color=colour, zorder=2)
    label = f"{number}: {one.name}" + (", chosen" if one is findings.chosen else "")
    axes.plot(*place, "o", markersize=14, color=colour, label=label, zorder=3)
    if one is findings.chosen:
        axes.plot(*place, "o", markersize=20, fillstyle="none", color=GREEN, markeredgewidth=2, zorder=3)
    axes.text(ratio.value, height[0], str(number), color="white", ha="center", va="center", zorder=4)


def _errors(value: float, low: float | None, high: float | None) -> list[list[float]]:
    return [[0.0 if low is None else value - low], [0.0 if high is None else high - value]]


def _finish(axes: Any, upwards: str, logarithmic: tuple[str, ...]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    for name in logarithmic:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}×"))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=ACROSS, ylabel=upwards)
    axes.margins(0.15)
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
