"""Running a table of comparisons: each case in fresh processes, both sides in turn in each, a line and a record a case.

A script defines its `CASES` and ends with `run("benchmarks.its_name", CASES, __doc__)`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.paired import log_ratios, summarize
from tinytorch.benchmarking.environment import collect_environment

__all__ = ["Call", "Case", "pinned", "run"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        title: What it is, in a line.
        target: The speed-up wanted; the reciprocal of how many times slower is allowed.
        make: Sets both sides up, checks that they compute the same, and gives `(baseline, candidate)`.
        needs: The packages that the baseline needs.
    """

    title: str
    target: float
    make: Callable[[], tuple[Call, Call]]
    needs: tuple[str, ...] = ("torch",)


def run(module: str, cases: Mapping[str, Case], description: str, arguments: Sequence[str] | None = None) -> int:
    """Measure the cases chosen on the command line, print a line each, and write what was measured."""
    options = _parsed(cases, description, arguments)
    if options.session is not None:
        print(json.dumps(_session(cases[options.only[0]], options)))
        return 0
    names = [name for name in options.only or cases if _is_possible(name, cases[name])]
    results = {name: _measured(module, name, cases[name], options) for name in names}
    if options.output:
        design = {name: getattr(options, name) for name in ("sessions", "rounds", "threads")}
        record = {"environment": collect_environment(), **design, "results": results}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def pinned(threads: int) -> dict[str, str]:
    """Give the environment of a process whose numeric libraries use `threads` threads each."""
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _parsed(cases: Mapping[str, Case], description: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=6, help="fresh processes a case")
    parser.add_argument("--rounds", type=int, default=60, help="turns of both sides a process")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS and OpenMP, alike on both sides")
    parser.add_argument("--only", nargs="+", default=[], choices=list(cases), metavar="CASE", help=", ".join(cases))
    parser.add_argument("--output", type=Path, help="where to keep the raw log ratios")
    parser.add_argument("--smoke", action="store_true", help="two short processes a case: whether it runs at all")
    parser.add_argument("--session", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.smoke:
        options.sessions, options.rounds = 2, 2
    return options


def _is_possible(name: str, case: Case) -> bool:
    missing = [package for package in case.needs if find_spec(package) is None]
    if missing:
        print(f"{name} is left out: {', '.join(missing)} is not installed.", file=sys.stderr)
    return not missing


def _session(case: Case, options: argparse.Namespace) -> list[float]:
    """Measure one case in this process."""
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        if "torch" in case.needs:
            import torch

            torch.set_num_threads(options.threads)
        stack.enter_context(threadpool_limits(options.threads))
        order = random.Random(options.session)  # noqa: S311  orders, not secrets
        return log_ratios(*case.make(), options.rounds, order)


def _measured(module: str, name: str, case: Case, options: argparse.Namespace) -> dict[str, object]:
    """Measure one case in fresh processes and print its line."""
    command = [sys.executable, "-m", module, "--only", name, "--rounds", str(options.rounds)]
    command += ["--threads", str(options.threads), "--session"]
    environment = pinned(options.threads)
    samples = [json.loads(_output([*command, str(seed)], environment)) for seed in range(options.sessions)]
    ratio = summarize(samples)
    verdict = "met" if ratio.low >= case.target else "missed" if ratio.high < case.target else "undecided"
    interval = f"{ratio.speedup:.3f}x [{ratio.low:.3f}, {ratio.high:.3f}]"
    print(f"{case.title:58} {interval:26} target {case.target:.2f}x  {verdict}", flush=True)
    return {"title": case.title, "target": case.target, "verdict": verdict, **asdict(ratio), "log_ratios": samples}


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    return done.stdout
