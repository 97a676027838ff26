"""How much memory a training step takes: the peak of each side in processes of its own, and their ratio.

python -m benchmarks.footprint [--processes 5] [--output FILE] [--smoke]

The figure is what the resident memory of the process rises to above what it was with the model built, over three steps:
activations, gradients and the optimizer's state. It is read from Linux (VmHWM, reset through clear_refs).
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.language import tiny_gpt, tiny_step, torch_step
from benchmarks.runner import pinned

STEPS = 3


def ours() -> Callable[[], object]:
    """Set up TinyTorch's side."""
    return tiny_step(tiny_gpt())


def theirs() -> Callable[[], object]:
    """Set up PyTorch's side."""
    from benchmarks.twins import torch_gpt

    return torch_step(torch_gpt(tiny_gpt()))


SIDES = {"ours": ours, "theirs": theirs}


def main() -> int:
    """Measure both sides in turn, print a line, and write what was measured."""
    options = parsed()
    if options.side:
        print(rise(SIDES[options.side]()))
        return 0
    found = {side: [measured(side) for _ in range(options.processes)] for side in SIDES}
    middle = {side: statistics.median(values) for side, values in found.items()}
    ratio = middle["theirs"] / middle["ours"]
    line = " beside ".join(f"{side} {value / 1024**2:.1f} MiB" for side, value in middle.items())
    print(f"{'GPT training step, peak of resident memory':58} {line}: {ratio:.3f}x", flush=True)
    if options.output:
        record = {"unit": "bytes", "rises": found, "ratio": ratio}
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=5, help="fresh processes a side")
    parser.add_argument("--output", type=Path, help="where to keep every process's figure")
    parser.add_argument("--smoke", action="store_true", help="one process a side")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.smoke:
        options.processes = 1
    return options


def measured(side: str) -> int:
    """Measure one side in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.footprint", "--side", side]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, env=pinned(1)).stdout)


def rise(step: Callable[[], object]) -> int:
    """Give what resident memory rises by, in bytes."""
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from here
    for _ in range(STEPS):
        step()
    return status("VmHWM") - before


def status(field: str) -> int:
    """Read a line of the process's own record, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    sys.exit(main())
