"""Charts of results; needs matplotlib. A figure is made on its own, without touching pyplot's global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from tinytorch.benchmarking.doors.recommendations import interval
from tinytorch.benchmarking.doors.result import BenchmarkResult

__all__ = ["bars", "best_of_two", "frontier"]

LABEL = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}  # readable where a line crosses it

Results = Mapping[str, BenchmarkResult]


def bars(results: Results, label: str) -> Figure | None:
    """Draw one bar a model, from zero, with the interval of its mean; none if nothing was measured.

    Example:
        >>> figure = bars({"small": BenchmarkResult("ms", [1.0, 2.0])}, "latency (ms)")
        >>> figure.axes[0].get_xlabel()
        'latency (ms)'
    """
    shown = {name: result for name, result in results.items() if result.is_measured}
    if not shown:
        return None
    figure = Figure(figsize=(7, 1.2 + 0.5 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    means = [result.mean for result in shown.values()]
    axes.barh(list(shown), means, xerr=_errors(list(shown.values())), capsize=4, color="#4c72b0", height=0.6)
    axes.invert_yaxis()  # the first model on top
    axes.set_xlabel(label)
    axes.set_title("mean and its 95 % interval", fontsize="medium", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    missing = [name for name in results if name not in shown]
    if missing:
        figure.text(0.01, 0.01, f"not measured: {', '.join(missing)}", fontsize="small")
    return figure


def frontier(x: Results, y: Results, labels: Sequence[str], more: Sequence[bool]) -> Figure | None:
    """Draw the models that have both metrics measured, and the line of those that no other beats in both.

    Args:
        x: The metric across.
        y: The metric upwards.
        labels: Of both axes.
        more: Whether more is better, of both.
    """
    names = [name for name in x if name in y and x[name].is_measured and y[name].is_measured]
    if not names:
        return None
    points = [(x[name].mean, y[name].mean) for name in names]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    best = sorted(point for point in points if best_of_two(point, points, more))
    axes.plot(*zip(*best, strict=True), color="#c44e52", linewidth=1, zorder=1, label="not beaten in both")
    across, upwards = zip(*points, strict=True)
    axes.errorbar(
        across,
        upwards,
        xerr=_errors([x[name] for name in names]),
        yerr=_errors([y[name] for name in names]),
        fmt="o",
        capsize=3,
        color="#4c72b0",
        label="mean and its 95 % interval",
    )
    for name, point in zip(names, points, strict=True):
        axes.annotate(name, point, xytext=(8, 8), textcoords="offset points", bbox=LABEL)
    axes.margins(0.15)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    return figure


def best_of_two(point: tuple[float, float], points: Sequence[tuple[float, float]], more: Sequence[bool]) -> bool:
    """Say whether no other point is at least as good in both metrics and better in one.

    Example:
        >>> [best_of_two(p, [(1, 0.9), (2, 0.8), (2, 0.95)], (False, True)) for p in [(1, 0.9), (2, 0.8), (2, 0.95)]]
        [True, False, True]
    """
    signs = [1 if is_more else -1 for is_more in more]
    own = [sign * value for sign, value in zip(signs, point, strict=True)]
    others = [[sign * value for sign, value in zip(signs, other, strict=True)] for other in points]
    return not any(other != own and all(o >= p for o, p in zip(other, own, strict=True)) for other in others)


def _errors(results: Sequence[BenchmarkResult]) -> list[list[float]]:
    """Give how far each interval reaches below and above its mean; nothing where there is none."""
    ends = [(interval(result) or (result.mean, result.mean)) for result in results]
    below = [result.mean - max(low, 0.0) for result, (low, _) in zip(results, ends, strict=True)]  # all are positive
    above = [high - result.mean for result, (_, high) in zip(results, ends, strict=True)]
    return [below, above]
