"""How much memory layers and training steps take, TinyTorch's beside PyTorch's: each side in processes of its own.

python -m benchmarks.footprint [--processes 3] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

What is measured is the growth of resident memory from before the first step to its highest point over several steps:
results, gradients, the optimizer's state, scratch, and what each library keeps for itself. The weights and inputs are
there before, and through all but the GPT one image has gone, so that the libraries' code is
loaded. It needs Linux, whose high-water mark of a process can be set back.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import language
from benchmarks.runner import Call, pinned
from benchmarks.steps import tiny_step, torch_step
from benchmarks.vision import BATCH, Shape, numbers, torch_lenet
from tinytorch import Conv2d, Tensor
from tinytorch.core.spatial import LeNet

STEPS = 3
ALLOWED = 1.5


@dataclass(frozen=True)
class Sides:
    """How each library does it, for so many images; each is set up in a process of its own."""

    title: str
    ours: Callable[[int], Call]
    theirs: Callable[[int], Call]
    warmed: bool = True


def our_convolution(shape: Shape, count: int) -> Call:
    """Forward and backward of ours."""
    layer = Conv2d(shape.channels, shape.filters, 3, padding=1)
    x, g = Tensor(numbers(*shape.images)[:count], requires_grad=True), numbers(*shape.results)[:count]

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        layer(x).backward(g)

    return step


def their_convolution(shape: Shape, count: int) -> Call:
    """Forward and backward of theirs."""
    import torch

    layer = torch.nn.Conv2d(shape.channels, shape.filters, 3, padding=1)
    x = torch.from_numpy(numbers(*shape.images)[:count]).requires_grad_()
    g = torch.from_numpy(numbers(*shape.results)[:count])

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        layer(x).backward(g)

    return step


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch of images and labels."""
    return numbers(count, 1, 28, 28), np.random.default_rng(2).integers(0, 10, count)


def their_gpt(_: int) -> Call:
    """One training step of theirs, for the batch of `language.py`."""
    from benchmarks.twins import torch_gpt

    return language.torch_step(torch_gpt(language.tiny_gpt()))


def convolution(shape: Shape) -> Sides:
    """Name both sides of one convolution."""
    title = f"conv 3x3, {BATCH}x{shape.channels}x{shape.side}x{shape.side} to {shape.filters}, both ways"
    return Sides(title, partial(our_convolution, shape), partial(their_convolution, shape))


CASES = {
    "conv-1-28-8": convolution(Shape(1, 28, 8)),
    "conv-16-14-32": convolution(Shape(16, 14, 32)),
    "conv-32-32-64": convolution(Shape(32, 32, 64)),
    "lenet": Sides(
        "LeNet training step, batch 64",
        lambda count: tiny_step(LeNet(), *digits(count)),
        lambda count: torch_step(torch_lenet(), *digits(count)),
    ),
    "gpt": Sides(
        "GPT training step, batch 16",
        lambda _: language.tiny_step(language.tiny_gpt()),
        their_gpt,
        warmed=False,
    ),
}


def main() -> int:
    """Measure the chosen cases, print a line each, and write what was measured."""
    options = arguments()
    if options.side:
        make = getattr(CASES[options.only[0]], options.side)
        if CASES[options.only[0]].warmed:
            make(1)()
        print(rise(make(BATCH)))
        return 0
    results = {name: compared(name, options) for name in options.only or CASES}
    if options.output:
        from tinytorch.benchmarking.environment import collect_environment

        record = {"environment": collect_environment(), "threads": options.threads, "results": results}
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=3, help="of each side")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS and OpenMP, alike on both sides")
    parser.add_argument("--only", nargs="+", default=[], choices=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--output", type=Path, help="where to keep the bytes of each process")
    parser.add_argument("--smoke", action="store_true", help="one process of each side")
    parser.add_argument("--side", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.smoke:
        options.processes = 1
    return options


def compared(name: str, options: argparse.Namespace) -> dict[str, object]:
    """Measure both sides of a case and print the line."""
    command = [sys.executable, "-m", "benchmarks.footprint", "--only", name, "--side"]
    environment = pinned(options.threads)
    found = {
        side: [
            int(subprocess.run([*command, side], check=True, capture_output=True, text=True, env=environment).stdout)
            for _ in range(options.processes)
        ]
        for side in ("ours", "theirs")
    }
    middle = {side: statistics.median(sizes) for side, sizes in found.items()}
    ratio = middle["ours"] / middle["theirs"]
    verdict = "met" if ratio <= ALLOWED else "missed"
    sizes = f"{middle['ours'] / 2**20:.1f} MiB beside {middle['theirs'] / 2**20:.1f} MiB"
    print(f"{CASES[name].title:48} {ratio:.2f} ({sizes})  target {ALLOWED:.2f}  {verdict}", flush=True)
    return {"title": CASES[name].title, "target": ALLOWED, "ratio": ratio, "verdict": verdict, "bytes": found}


def rise(step: Call) -> int:
    """Give how far resident memory grows beyond what is there now, in bytes, over several steps."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the mark back to what is there now
    before = resident("VmRSS")
    for _ in range(STEPS):
        step()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Read a size of this process, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    sys.exit(main())
