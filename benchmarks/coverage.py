"""What the statistics promise, tried on draws whose truth is known: coverage, false alarms, power, warm-up, regimes.

python -m benchmarks.coverage [--draws 2000] [--smoke] [--output coverage.json]
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import draws as made
from tinytorch.benchmarking.statistics import (
    AnytimeSignTest,
    Outcome,
    batch_means,
    blocked,
    find_regimes,
    judge,
    paired_ratio,
    percentile_of_sessions,
    sequential_ratio,
    sign_interval,
    steady_state,
    t_interval,
    wilson,
)
from tinytorch.benchmarking.statistics.distributions import binomial_at_most
from tinytorch.benchmarking.statistics.ratios import block_size

SEED = 20_240_501
SESSIONS, ROUNDS = 6, 60
STANDARD_ERRORS = 2
MOST_SESSIONS = 60
SMOKE, FULL = 60, 2000


@dataclass(frozen=True)
class Row:
    """One figure, and what it should be.

    Attributes:
        rule: What was tried.
        case: What it was tried on.
        figure: What was counted, such as coverage.
        value: The share of draws.
        low: The lower end of its Wilson interval.
        high: The upper end.
        draws: How many.
        least: What it must not fall below, by more than two standard errors.
        most: What it must not exceed, by more than two standard errors.
        met: Whether it does neither.
    """

    rule: str
    case: str
    figure: str
    value: float
    low: float
    high: float
    draws: int
    least: float
    most: float
    met: bool


def main() -> int:
    """Run everything, print a line a figure, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=FULL)
    parser.add_argument("--smoke", action="store_true", help="few draws, to see that it runs")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    found = run(SMOKE if given.smoke else given.draws)
    for row in found["rows"]:
        print(line(row))
    if given.output:
        given.output.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def run(draws: int = FULL, seed: int = SEED) -> dict:
    """Try every promise on `draws` draws and give the rows, as JSON has them."""
    rows = []
    for index, trial in enumerate(TRIALS):
        rows += trial(np.random.default_rng([seed, index]), draws)
    return {"seed": seed, "draws": draws, "rows": [asdict(row) for row in rows]}


def line(row: dict) -> str:
    """Write one figure as a line."""
    wanted = f"[{row['least']:.3f}, {row['most']:.3f}]"
    verdict = "met" if row["met"] else "MISSED"
    interval = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['rule']:34} {row['case']:34} {row['figure']:30} {interval}  wanted {wanted}  {verdict}"


def counted(rule: str, case: str, figure: str, hits: list[bool], least: float = 0.0, most: float = 1.0) -> Row:
    """Make a row of what held in each draw."""
    share, n = wilson(sum(map(bool, hits)), len(hits)), len(hits)
    met = least - _error(least, n) <= share.value <= most + _error(most, n)
    return Row(rule, case, figure, share.value, share.low, share.high, n, least, most, met)


def _error(share: float, draws: int) -> float:
    return STANDARD_ERRORS * math.sqrt(share * (1 - share) / draws)


def covers(estimate, truth: float) -> bool:
    """Say whether an interval holds the truth; where it has no ends, it does."""
    above = estimate.low is None or estimate.low <= truth
    return above and (estimate.high is None or truth <= estimate.high)


def try_ratios(rng, draws):
    """Coverage of the paired interval, and of its two halves alone."""
    rows = []
    groups = ((made.INDEPENDENT, 0.94, 0.99), (made.TIED, 0.94, 1.0), (made.DEPENDENT, 0.90, 1.0))
    for cases, least, most in groups:
        for name, draw in cases.items():
            runs = draw(rng, (draws, SESSIONS, ROUNDS)).tolist()
            rows += _ratio_rows(name, runs, least, most)
    return rows


def _ratio_rows(name, runs, least, most):
    medians = [[float(np.median(session)) for session in run] for run in runs]
    pooled = [[value for session in run for value in session] for run in runs]
    return [
        counted("paired ratio", name, "coverage", [covers(paired_ratio(run), 1.0) for run in runs], least, most),
        counted("t over sessions alone", name, "coverage", [covers(t_interval(run), 0.0) for run in medians]),
        counted("sign test over rounds alone", name, "coverage", [covers(sign_interval(run), 0.0) for run in pooled]),
    ]


def try_verdicts(rng, draws):
    """Wrong verdicts where both are the same, or just not equivalent; right ones where they differ."""
    rows = []
    for name in ("lognormal", "lognormal, sessions differ", "Pareto", "mixture of two speeds"):
        noise = made.INDEPENDENT[name](rng, (draws, SESSIONS, ROUNDS))
        null = [judge(run).outcome for run in noise.tolist()]
        rows.append(counted("verdict", name, "faster or slower at 0 %", [_is_change(found) for found in null], 0, 0.05))
        edge = [judge(run).outcome for run in (noise + math.log(1.02)).tolist()]
        same = [found is Outcome.EQUIVALENT for found in edge]
        rows.append(counted("verdict", name, "equivalent at the margin", same, 0, 0.05))
        for share in (0.01, 0.02, 0.05):
            found = [judge(run).outcome is Outcome.FASTER for run in (noise + math.log1p(share)).tolist()]
            least = 0.0 if name == "Pareto" or share < 0.02 else 0.8
            rows.append(counted("verdict", name, f"power at {share:.0%}", found, least))
    return rows


def _is_change(outcome):
    return outcome in {Outcome.FASTER, Outcome.SLOWER}


def try_detectable(rng, draws):
    """Power at the change that a comparison said it could have detected, in a second comparison of the same kind."""
    rows = []
    for name in ("lognormal", "lognormal, sessions differ", "lognormal, sessions differ much", "Pareto"):
        shape = (draws, SESSIONS, ROUNDS)
        first, second = (made.INDEPENDENT[name](rng, shape) for _ in range(2))
        effects = [math.log1p(judge(run).minimum_detectable_effect) for run in first.tolist()]
        shifted = second + np.asarray(effects)[:, None, None]
        found = [judge(run).outcome is Outcome.FASTER for run in shifted.tolist()]
        rows.append(counted("verdict", name, "power at the effect it said", found, 0.8))
    return rows


def try_more_sessions(rng, draws):
    """How often a comparison that was undecided is decided by as many new sessions as it asked for."""
    draw, decided = made.INDEPENDENT["lognormal, sessions differ much"], []
    for run in (draw(rng, (draws, SESSIONS, ROUNDS)) + math.log(1.015)).tolist():
        more = judge(run).sessions_to_decide
        if more is not None and more <= MOST_SESSIONS:
            fresh = draw(rng, (SESSIONS + more, ROUNDS)) + math.log(1.015)
            decided.append(judge(fresh.tolist()).outcome is not Outcome.UNDECIDED)
    if not decided:  # with few draws, none may be undecided
        return []
    return [counted("verdict", "1.5 % faster, sessions differ much", "decided as it said", decided, 0.8)]


def try_apart(rng, draws):
    """Coverage of Fieller's interval on session medians that were measured apart."""
    rows = []
    for spread in (0.02, 0.2):
        times = 1 + spread * rng.standard_normal((draws, 2, SESSIONS))
        pairs = np.maximum(times, 0.05).tolist()
        found = [covers(sequential_ratio(before, after), 1.0) for before, after in pairs]
        rows.append(counted("sequential ratio", f"session medians, cv {spread:.0%}", "coverage", found, 0.94, 0.99))
    return rows


def try_percentiles(rng, draws):
    """Coverage of percentiles of calls, pooled over five sessions that are alike, or differ."""
    rows = []
    for between, name in ((0.0, "sessions alike"), (0.05, "sessions differ by 5 %")):
        for percent, calls in ((50, 40), (90, 40), (99, 80)):
            logs = 0.2 * rng.standard_normal((draws, 5, calls)) + between * rng.standard_normal((draws, 5, 1))
            truth = math.exp(math.hypot(0.2, between) * NORMAL[percent])
            found = [covers(percentile_of_sessions(run, percent), truth) for run in np.exp(logs).tolist()]
            rows.append(counted("percentile of sessions", f"p{percent}, {name}", "coverage", found, 0.94))
    return rows


def try_batches(rng, draws):
    """Coverage of the mean of a dependent series."""
    rows = []
    for rho in (0.0, 0.6, 0.9):
        series = made.first_order(rho)(rng, (draws, 1000))
        found = [covers(batch_means(values), 0.0) for values in series.tolist()]
        rows.append(counted("batch means", f"1,000 values, AR(1) {rho}", "coverage", found, 0.90, 0.99))
        plain = [covers(t_interval(values), 0.0) for values in series.tolist()]
        rows.append(counted("t as if independent", f"1,000 values, AR(1) {rho}", "coverage", plain))
    return rows


def try_peeking(rng, draws):
    """False alarms of tests that are looked at after every round, and how soon the anytime test finds an effect."""
    rows = []
    shape = (draws, SESSIONS * ROUNDS)
    noise = made.lognormal(rng, shape)
    alarms = [AnytimeSignTest().after(values).rejects for values in noise.tolist()]
    rows.append(counted("anytime sign test", "independent rounds", "false alarms at any look", alarms, 0, 0.05))
    rows.append(counted("sign test at 0.05", "independent rounds", "false alarms at any look", _naive(noise)))
    tied = made.ties(rng, shape)
    alarms = [AnytimeSignTest().after(values).rejects for values in tied.tolist()]
    rows.append(counted("anytime sign test", "ties", "false alarms at any look", alarms, 0, 0.05))
    for shift in (0.25, 0.5):
        found = [AnytimeSignTest().after(values).rejects for values in (noise + shift * made.SPREAD).tolist()]
        rows.append(counted("anytime sign test", f"shift of {shift} sd", "power in 360 rounds", found, 0.8))
    return rows + _dependent_peeking(rng, draws)


def _dependent_peeking(rng, draws):
    rows = []
    for name in ("AR(1) 0.2", "AR(1) 0.3", "AR(1) 0.6"):
        runs = made.DEPENDENT[name](rng, (draws, SESSIONS, ROUNDS)).tolist()
        plain = [AnytimeSignTest().after(value for session in run for value in session).rejects for run in runs]
        rows.append(counted("anytime sign test", name, "false alarms at any look", plain))
        blocks = [blocked(run, block_size(run)) for run in runs]
        found = [AnytimeSignTest().after(value for session in run for value in session).rejects for run in blocks]
        rows.append(counted("anytime sign test on blocks", name, "false alarms at any look", found, 0, 0.05))
    return rows


def _naive(noise):
    """Say for each row whether the two-sided sign test is ever below 0.05, looked at after every round from the 6th."""
    n = np.arange(1, noise.shape[1] + 1)
    fewer = np.minimum((noise > 0).cumsum(axis=1), (noise < 0).cumsum(axis=1))
    limits = np.asarray([_largest_rejecting(int(size)) for size in n])
    return ((fewer <= limits) & (n >= 6)).any(axis=1).tolist()


def _largest_rejecting(n):
    """Find the largest count of the rarer sign at which the sign test of `n` rejects; -1 where it never does."""
    count = -1
    while 2 * binomial_at_most(count + 1, n) <= 0.05:
        count += 1
    return count


def try_warm_up(rng, draws):
    """Cuts near the truth, and series without a steady state."""
    values = 400
    rows = []
    for name, draw, first, last in (("step at 60", made.step, 55, 65), ("decay, half in 10", made.decay, 30, 80)):
        cuts = [steady_state(draw(rng, values).tolist()).cut for _ in range(draws)]
        near = [cut is not None and first <= cut <= last for cut in cuts]
        rows.append(counted("warm-up", name, f"cut within {first} to {last}", near, 0.9))
    for draw in (made.flat, made.spiked):
        found = [steady_state(draw(rng, values).tolist()) for _ in range(draws)]
        rows.append(
            counted("warm-up", draw.__name__, "no steady state", [not each.is_steady for each in found], 0, 0.05)
        )
        deep = [each.is_steady and each.cut > values / 4 for each in found]
        rows.append(counted("warm-up", draw.__name__, "cut past a quarter", deep))
    for draw in (made.ramp, made.late_step, made.very_late_step, made.wander):
        found = [not steady_state(draw(rng, values).tolist()).is_steady for _ in range(draws)]
        rows.append(counted("warm-up", draw.__name__, "no steady state", found, 0.0 if draw is made.wander else 0.9))
    return rows


def try_regimes(rng, draws):
    """One speed called two, and two speeds found."""
    rows = []
    for count in (16, 24, 60, 240):
        for name, noise in _unimodal(rng, draws, count).items():
            two = [find_regimes(medians).shape.value == "two" for medians in np.exp(noise).tolist()]
            rows.append(counted("regimes", f"{count} medians, {name}", "called two", two, 0, 0.05))
        for share in (0.2, 0.5):
            fast = rng.random((draws, count)) > share
            times = np.where(fast, made.FAST, made.SLOW) * np.exp(SPREAD_OF_MEDIANS * rng.standard_normal(fast.shape))
            found = [find_regimes(medians).shape.value == "two" for medians in times.tolist()]
            least = 0.8 if count >= ENOUGH_MEDIANS else 0.0
            rows.append(counted("regimes", f"{count} medians, {share:.0%} slow", "called two", found, least))
    return rows


def _unimodal(rng, draws, count):
    shape = (draws, count)
    return {
        "normal": np.log(1 + 0.03 * rng.standard_normal(shape)),
        "lognormal, wide": 0.5 * rng.standard_normal(shape),
        "flat": rng.uniform(0, 0.1, shape),
        "Student's t, 3": 0.03 * rng.standard_t(3, shape),
        "AR(1) 0.6": made.first_order(0.6)(rng, shape),
        "AR(1) 0.9": made.first_order(0.9)(rng, shape),
    }


NORMAL = {50: 0.0, 90: 1.2815515655446004, 99: 2.3263478740408408}
SPREAD_OF_MEDIANS = 0.03
ENOUGH_MEDIANS = 24  # with fewer, a fifth of them may be too few to see
TRIALS: tuple[Callable, ...] = (
    try_ratios,
    try_verdicts,
    try_detectable,
    try_more_sessions,
    try_apart,
    try_percentiles,
    try_batches,
    try_peeking,
    try_warm_up,
    try_regimes,
)

if __name__ == "__main__":
    sys.exit(main())
