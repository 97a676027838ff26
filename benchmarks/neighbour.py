"""A neighbour that bursts: it works and rests at random, as other tenants of a shared machine do.

python -m benchmarks.neighbour --kind "other core" --core 1 --seconds 60 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["KINDS", "bursting"]

KINDS = ("quiet", "same core", "other core", "memory")
LONGEST_SECONDS = 3600.0
WORK_SECONDS, REST_SECONDS = (0.002, 0.3), (0.002, 0.6)


@contextmanager
def bursting(kind: str, seed: int = 0) -> Iterator[None]:
    """Run a neighbour of the kind named until the block ends; `quiet` runs none.

    Beside a neighbour on a core, this process and its children are held on the first core they may use, so that `same
    core` and `other core` mean what they say.
    """
    if kind == "quiet":
        yield
        return
    allowed = sorted(os.sched_getaffinity(0))
    core = allowed[0] if kind == "same core" else allowed[-1]
    command = [sys.executable, "-m", "benchmarks.neighbour", "--kind", kind, "--core", str(core), "--seed", str(seed)]
    neighbour = subprocess.Popen(command)
    try:
        if kind != "memory":
            os.sched_setaffinity(0, allowed[:1])
        yield
    finally:
        os.sched_setaffinity(0, allowed)
        neighbour.kill()
        neighbour.wait()


def main() -> int:
    """Burst until the time is over or the parent is gone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS[1:], required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=LONGEST_SECONDS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    burst(options.kind, min(options.seconds, LONGEST_SECONDS), random.Random(options.seed))  # noqa: S311  no secrets
    return 0


def burst(kind: str, seconds: float, chance: random.Random) -> int:
    """Alternate work and rest, their lengths log-uniform; give the number of bursts."""
    work = _copy if kind == "memory" else _count
    parent, end, bursts = os.getppid(), time.monotonic() + seconds, 0
    while time.monotonic() < end and os.getppid() == parent:
        until = time.monotonic() + _drawn(WORK_SECONDS, chance)
        while time.monotonic() < until:
            work()
        time.sleep(_drawn(REST_SECONDS, chance))
        bursts += 1
    return bursts


def _drawn(bounds: tuple[float, float], chance: random.Random) -> float:
    low, high = bounds
    return float(low * (high / low) ** chance.random())


LARGE = np.zeros(1 << 24, np.uint8)  # 16 MiB: more than a core's own caches hold


def _copy() -> None:
    LARGE.copy()


def _count() -> None:
    sum(range(10_000))


if __name__ == "__main__":
    sys.exit(main())
