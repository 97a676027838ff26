"""TinyTorch beside PyTorch and hand-written NumPy, on one thread, interleaved in one process, over fresh processes.

    python benchmarks/foundation.py [--sessions 6] [--rounds 60] [--only CASE ...] [--output FILE]

PyTorch is not among the project's dependencies: `pip install torch==2.13.0` first, or its cases are left out.
"""

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> int:
    """Run the chosen cases, print a line each, and write what was measured."""
    options = arguments()
    if options.session is not None:
        print(json.dumps(session(options.only[0], options.rounds, options.session)))
        return 0
    from cases import CASES

    names = options.only or list(CASES)
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed; its cases are left out.", file=sys.stderr)
        names = [name for name in names if not CASES[name].needs_torch]
    results = {name: measured(name, options.sessions, options.rounds) for name in names}
    if options.output:
        record = {"environment": environment(), "sessions": options.sessions, "rounds": options.rounds}
        options.output.write_text(json.dumps(record | {"results": results}, indent=1) + "\n", encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--session", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def session(name: str, rounds: int, seed: int) -> list[float]:
    """Measure one case in this process."""
    from cases import CASES
    from paired import log_ratios

    return log_ratios(*CASES[name].make(), rounds, random.Random(seed))  # noqa: S311  orders, not secrets


def measured(name: str, sessions: int, rounds: int) -> dict[str, object]:
    """Measure one case in fresh processes and print its line."""
    from cases import CASES
    from paired import summarize

    command = [sys.executable, __file__, "--only", name, "--rounds", str(rounds), "--session"]
    samples = [json.loads(_output([*command, str(seed)])) for seed in range(sessions)]
    ratio, case = summarize(samples), CASES[name]
    verdict = "met" if ratio.low >= case.target else "missed" if ratio.high < case.target else "undecided"
    interval = f"{ratio.speedup:.3f}x [{ratio.low:.3f}, {ratio.high:.3f}]"
    print(f"{case.title:58} {interval:26} target {case.target:.2f}x  {verdict}", flush=True)
    return {"title": case.title, "target": case.target, "verdict": verdict, **asdict(ratio), "log_ratios": samples}


def environment() -> dict[str, object]:
    """Record the machine and the versions."""
    from tinytorch.benchmarking.environment import collect_environment

    return collect_environment()


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD).stdout


if __name__ == "__main__":
    sys.exit(main())
