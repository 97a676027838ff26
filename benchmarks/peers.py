"""TinyTorch's comparison beside the peers a user would pick, on pairs whose true ratio is known.

python -m benchmarks.peers [--runs 40] [--kinds quiet "other core"] [--only ours founding] [--output FILE] [--resume]
                       [--seconds 500] [--smoke]

Every tool is asked the same question many times: is the second subject as fast as the first? Identical subjects give
the false-alarm rate; one fiftieth and three fiftieths more work give the power; the ratio it reports gives the bias.
Tools take turns, run by run, so that all meet the same machine. PyTorch comes from pip (`torch==2.13.0`), pyperf and
pytest-benchmark from the group `peers`; a tool that is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import rivals
from benchmarks.neighbour import KINDS, bursting
from tinytorch.benchmarking.environment import collect_environment
from tinytorch.benchmarking.statistics import wilson

__all__ = ["CASES", "Answer", "ask", "plan", "summary"]

CASES = {"identical": (50, 50), "2 % more": (50, 51), "6 % more": (50, 53)}
EVERY = {"pyperf": 3}  # it takes five times as long as the others, and is asked every third time


@dataclass(frozen=True)
class Answer:
    """What one tool said of one pair.

    Attributes:
        tool: Its name.
        kind: The neighbour it met.
        case: Which pair.
        outcome: `slower`, `faster`, or none of the two.
        ratio: How many times faster it takes the second to be; none where it names no ratio.
        seconds: Wall time to the answer.
    """

    tool: str
    kind: str
    case: str
    outcome: str
    ratio: float | None
    seconds: float


def main() -> int:
    """Ask, print a table, and keep every answer."""
    options = arguments()
    tools = [name for name in options.only or rivals.TOOLS if rivals.is_there(name)]
    left_out = [name for name in options.only or rivals.TOOLS if name not in tools]
    if left_out:
        print(f"not installed, left out: {', '.join(left_out)}", file=sys.stderr)
    record = record_of(options, left_out)
    answers = [Answer(**answer) for answer in record["answers"]]
    end = time.monotonic() + options.seconds
    for kind, case, tool, number in plan(tools, options)[len(answers) :]:
        if time.monotonic() > end:
            break
        with bursting(kind, seed=number):
            answers.append(ask(tool, kind, case, number))
        rows = summary(answers)
        _keep(record | {"summary": rows, "answers": [asdict(answer) for answer in answers]}, options.output)
    for row in summary(answers):
        print(_line(row), flush=True)
    return 0


def record_of(options: argparse.Namespace, left_out: list[str]) -> dict[str, Any]:
    """Start a record, or take up the one that is to be gone on with."""
    if options.resume and options.output is not None and options.output.exists():
        return dict(json.loads(options.output.read_text(encoding="utf-8")))
    return {"environment": collect_environment(), "runs": options.runs, "left_out": left_out, "answers": []}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40, help="answers to each case (identical: twice that)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["quiet", "other core"])
    parser.add_argument("--only", nargs="+", choices=list(rivals.TOOLS))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no question after so many seconds")
    parser.add_argument("--resume", action="store_true", help="go on where the output file ends")
    parser.add_argument("--smoke", action="store_true", help="one answer each, in the quiet")
    options = parser.parse_args(given)
    if options.smoke:
        options.runs, options.kinds = 1, ["quiet"]
    return options


def plan(tools: Sequence[str], options: argparse.Namespace) -> list[tuple[str, str, str, int]]:
    """List the questions: neighbour, case, tool and number; the neighbours take turns too."""
    found = []
    for number in range(options.runs * (1 if options.smoke else 2)):
        cases = [case for case in CASES if case == "identical" or number < options.runs]
        asked = [tool for tool in tools if number % EVERY.get(tool, 1) == 0]
        shuffled = random.Random(number)  # noqa: S311  orders, not secrets
        for kind in options.kinds:
            found += [(kind, case, tool, number) for case in cases for tool in shuffled.sample(asked, len(asked))]
    return found


def _keep(record: dict[str, Any], output: Path | None) -> None:
    if output is not None:
        output.parent.mkdir(exist_ok=True)
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def ask(tool: str, kind: str, case: str, seed: int) -> Answer:
    """Let one tool judge one pair."""
    first, second = (f"benchmarks.known:calls?count={count}" for count in CASES[case])
    said = rivals.TOOLS[tool](first, second, seed)
    print(
        f"{kind:11} {case:10} {tool:18} {said.outcome:10} {said.ratio or math.nan:.4f} {said.seconds:.1f} s",
        file=sys.stderr,
    )
    return Answer(tool, kind, case, said.outcome, said.ratio, said.seconds)


def summary(answers: Sequence[Answer]) -> list[dict[str, object]]:
    """Count, for each neighbour, tool and case, how often a difference was claimed, and in the right direction."""
    groups: dict[tuple[str, str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.kind, answer.tool, answer.case), []).append(answer)
    return [_counted(*key, group) for key, group in groups.items()]


def _counted(kind: str, tool: str, case: str, group: list[Answer]) -> dict[str, object]:
    claimed = sum(answer.outcome in {"faster", "slower"} for answer in group)
    right = claimed if case == "identical" else sum(answer.outcome == "slower" for answer in group)
    share = wilson(right, len(group))
    logs = [math.log(answer.ratio) for answer in group if answer.ratio]
    truth = math.log(CASES[case][0] / CASES[case][1])
    errors = [value - truth for value in logs]
    return {
        "neighbour": kind,
        "tool": tool,
        "case": case,
        "answers": len(group),
        "false_alarms" if case == "identical" else "detected": right,
        "wrong_direction": claimed - right,
        "share": [share.value, share.low, share.high],
        "bias_percent": 100 * statistics.median(errors) if errors else None,
        "spread_percent": 100 * statistics.stdev(errors) if len(errors) > 1 else None,
        "seconds_median": statistics.median(answer.seconds for answer in group),
    }


def _line(row: dict[str, object]) -> str:
    value, low, high = row["share"]
    word = "false alarms" if row["case"] == "identical" else "detected"
    bias = row["bias_percent"]
    tail = "" if bias is None else f"  bias {bias:+.2f} %, spread {row['spread_percent'] or math.nan:.2f} %"
    share = f"{100 * value:5.1f} % [{100 * low:.1f}, {100 * high:.1f}] {word}"
    return f"{row['neighbour']:11} {row['case']:10} {row['tool']:18} {share:40} {row['seconds_median']:5.1f} s{tail}"


if __name__ == "__main__":
    sys.exit(main())
