"""What compiling a model costs before its first result: with an empty cache of Numba's on disk, and with a full one.

python -m benchmarks.cold_compile [--pairs 10] [--smoke] [--output FILE]

Each pair is two fresh processes that share an empty folder: the first compiles the kernels, the second loads them. The
time is that of `compile(model, x)` and one call, or of `fast_decoder(model)` and two tokens; imports of TinyTorch and
NumPy are left out, that of Numba is not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.startup import interval
from tinytorch.benchmarking.environment import collect_environment

MEASURED = """
import time
import numpy as np
from tinytorch import Linear, ReLU, Sequential, Tensor
from tinytorch.perf import compile
from tinytorch.perf.quantization import quantize
model, x = Sequential(Linear(64, 128), ReLU(), Linear(128, 10)), Tensor(np.ones((1, 64)))
model = {wrap}(model)
start = time.perf_counter()
compile(model, x)(x)
print(time.perf_counter() - start)
"""
DECODED = """
import time
from tinytorch import GPT
from tinytorch.perf import fast_decoder
from tinytorch.perf.quantization import quantize
model = {wrap}(GPT(80, 128, 4, 4, 256))
start = time.perf_counter()
fast_decoder(model).generate([[1]], 2)
print(time.perf_counter() - start)
"""
AS_IT_IS = "(lambda model: model)"
CASES = {
    "float32": MEASURED.format(wrap=AS_IT_IS),
    "int8": MEASURED.format(wrap="quantize"),
    "decoder": DECODED.format(wrap=AS_IT_IS),
    "int8 decoder": DECODED.format(wrap="quantize"),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a line a case and state, and write what was measured."""
    options = parsed(arguments)
    pairs = 1 if options.smoke else options.pairs
    results = {}
    for name, program in CASES.items():
        samples = [pair(program) for _ in range(pairs)]
        for position, state in enumerate(("empty", "full")):
            seconds = [found[position] for found in samples]
            middle, low, high = interval(seconds)
            print(f"{name}, {state} cache: {middle:.3f} s [{low:.3f}, {high:.3f}]", flush=True)
            results[f"{name}, {state} cache"] = seconds
    if options.output:
        record = {"environment": collect_environment(), "pairs": pairs, "seconds": results}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--smoke", action="store_true", help="one pair a case: whether it runs at all")
    parser.add_argument("--output", type=Path)
    return parser.parse_args(arguments)


def pair(program: str) -> tuple[float, float]:
    """Compile in two fresh processes, one after the other, that share a cache which is empty at first."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        return once(program, environment), once(program, environment)


def once(program: str, environment: dict[str, str]) -> float:
    """Compile in a fresh process; give seconds."""
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


if __name__ == "__main__":
    sys.exit(main())
