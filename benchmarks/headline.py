"""What the search finds on digits, on MNIST with a perceptron and with LeNet, and on a small GPT: the headline.

python -m benchmarks.headline [--only NAME ...] [--batch N ...] [--budget SECONDS] [--preset standard] [--smoke]
    [--output benchmarks/results/headline.json]

Each baseline is trained once and kept in the user's cache. The goals are those of the project: at least 4.1 times
smaller and 2.3 times as fast, at a loss of accuracy of at most a point that is shown; beside the baseline as it is and
beside the compiled one. A goal is reached if the lower end of the interval reaches it. With --smoke the same code runs
in seconds, and the figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from tinytorch.benchmarking import Design, Hooks, collect_environment
from tinytorch.benchmarking.clock import utc_now
from tinytorch.capstone.search import SearchSettings, search
from tinytorch.capstone.search.known import KNOWN, Preparation, known_task, models_folder
from tinytorch.files import write_atomically

SMALLER, FASTER, MARGIN = 4.1, 2.3, 0.01
ROW = "{:<10} {:>5} {:<32} {:>9} {:>9} {:>22} {:>16} {:>16}"


def main(arguments: list[str]) -> int:
    """Search every model at every batch size; print a table, and keep the record."""
    options = parsed(arguments)
    print(ROW.format("model", "batch", "chosen", "smaller", "accuracy", "difference, points", "x eager", "x compiled"))
    found = [searched(name, batch, options) for name in options.only for batch in options.batch]
    if options.output:
        record = {"started": utc_now(), "goals": {"smaller": SMALLER, "faster": FASTER, "margin": MARGIN}}
        record |= {"smoke": options.smoke, "environment": dict(collect_environment()), "searches": found}
        write_atomically(options.output, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(KNOWN), default=list(KNOWN))
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 64])
    parser.add_argument("--budget", type=float, default=600.0)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--output")
    return parser.parse_args(arguments)


def searched(name: str, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """Search one model for speed, print its row, and give the record."""
    batch = 1 if name == "gpt" else batch  # 128 letters each
    task = known_task(name, Preparation(batch=batch, smoke=options.smoke, folder=models_folder(), tell=tell))
    preset = Design(sessions=2, rounds=4, budget_seconds=5) if options.smoke else options.preset
    margin = 0.5 if options.smoke else MARGIN
    settings = SearchSettings(max_accuracy_drop=margin, budget_seconds=options.budget, preset=preset)
    found = search(task, settings, Hooks(on_progress=tell))
    record = found.to_dict() | {"batch": batch}
    chosen = next((one for one in record["finalists"] if one["recipe"] == record["chosen"]), None)
    record["reached"] = reached(chosen)
    print(row(name, batch, chosen), flush=True)
    print(f"{'':<10} {'':>5} reached: {record['reached']}", flush=True)
    return record


def tell(progress: Any) -> None:
    """Say on stderr what is being done."""
    print(f"\r{progress.stage} {progress.step}/{progress.total} {progress.detail:<40.40}", end="", file=sys.stderr)


def reached(chosen: dict[str, Any] | None) -> dict[str, bool]:
    """Say which goals the chosen model reaches, by the lower ends of its intervals."""
    if chosen is None or chosen["speed"] is None:
        return {"smaller": False, "faster than eager": False, "faster than compiled": False, "as accurate": False}
    eager, compiled = chosen["speed"]["to_eager"]["low"], chosen["speed"]["to_compiled"]["low"]
    return {
        "smaller": chosen["compression"] >= SMALLER,
        "faster than eager": (eager or 0.0) >= FASTER,
        "faster than compiled": (compiled or 0.0) >= FASTER,
        "as accurate": chosen["is_shown"],
    }


def row(name: str, batch: int, chosen: dict[str, Any] | None) -> str:
    """Lay out what was chosen."""
    if chosen is None or chosen["speed"] is None:
        return ROW.format(name, batch, "none", "", "", "", "", "")
    test, difference = chosen["test"], chosen["test"]["beside"]["difference"]
    ends = [100 * difference[end] for end in ("value", "low", "high")]
    return ROW.format(
        name,
        batch,
        chosen["recipe"].removesuffix(" > compiled"),
        f"{chosen['compression']:.2f}x",
        f"{100 * test['accuracy']['value']:.2f} %",
        "{:+.2f} [{:+.2f}, {:+.2f}]".format(*ends),
        ratio(chosen["speed"]["to_eager"]),
        ratio(chosen["speed"]["to_compiled"]),
    )


def ratio(verdict: dict[str, Any]) -> str:
    """Write a speed-up with its interval."""
    low, high = verdict["low"], verdict["high"]
    ends = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{verdict['speedup']:.2f}{ends}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
