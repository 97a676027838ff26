"""The ways others compare two subjects, each asked through the door its documentation shows.

A tool takes two subjects, `module:factory?count=50`, and a seed, and gives a `Said`. Where a tool leaves the decision
to its reader, the rule used here is the one its documentation or its common use suggests, and stands in its docstring.
Times to an answer include all processes it starts.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["TOOLS", "Said", "factory", "is_there", "ours"]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ALPHA = 0.05
ALARM = 0.10  # the founding protocol alarms beyond one tenth
Call = Callable[[], object]


@dataclass(frozen=True)
class Said:
    """What a tool said.

    Attributes:
        outcome: `faster` or `slower`, of the second subject; anything else claims no difference.
        ratio: Above 1 where the second is faster.
        seconds: Wall time to the answer.
    """

    outcome: str
    ratio: float | None
    seconds: float


def factory(subject: str) -> Call:
    """Make the call that `module:name?key=number` names."""
    place, _, query = subject.partition("?")
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)(**{key: int(value) for key, value in parse_qsl(query)})


def ours(first: str, second: str, seed: int) -> Said:
    """`tinytorch.benchmarking.compare`, standard preset, its own verdict."""
    from tinytorch.benchmarking import compare

    start = time.monotonic()
    verdict = compare(first, second, preset="standard", seed=seed).verdict
    outcome = str(verdict.outcome)
    return Said(outcome, verdict.ratio.value, time.monotonic() - start)


def pyperf(first: str, second: str, seed: int) -> Said:
    """`pyperf timeit --fast` on each, one after the other, then the t test at 0.05 of `pyperf compare_to`."""
    del seed
    from pyperf import BenchmarkSuite
    from pyperf._utils import is_significant

    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("first.json", "second.json")]
        for subject, file in zip((first, second), files, strict=True):
            setup = f"from benchmarks.rivals import factory; call = factory({subject!r})"
            _python("-m", "pyperf", "timeit", "--fast", "-q", "--copy-env", "-s", setup, "call()", "-o", str(file))
        values = [BenchmarkSuite.load(str(file)).get_benchmarks()[0].get_values() for file in files]
    ratio = statistics.fmean(values[0]) / statistics.fmean(values[1])
    significant, _ = is_significant(*values)
    return Said(_direction(ratio) if significant else "neither", ratio, time.monotonic() - start)


def torch_timer(first: str, second: str, seed: int) -> Said:
    """`torch.utils.benchmark.Timer.blocked_autorange(min_run_time=1)`; different where interquartile ranges part."""
    return _in_process("_torch_timer", first, second, seed)


def pytest_benchmark(first: str, second: str, seed: int) -> Said:
    """`pytest-benchmark`, two saved runs, `--benchmark-compare-fail=median:5%`, applied either way."""
    del seed
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        medians = [_pytest_median(subject, Path(folder)) for subject in (first, second)]
    ratio = medians[0] / medians[1]
    outcome = "slower" if ratio < 1 / 1.05 else "faster" if ratio > 1.05 else "neither"
    return Said(outcome, ratio, time.monotonic() - start)


def sequential_means(first: str, second: str, seed: int) -> Said:
    """As whole-command timers do: ten fresh processes of each, one after the other; the interval of the means' ratio.

    What is timed is 200 calls inside each process, start-up excluded, which favours the method.
    """
    del seed
    start = time.monotonic()
    times = [[_session("_block", subject) for _ in range(10)] for subject in (first, second)]
    means = [statistics.fmean(sample) for sample in times]
    errors = [statistics.stdev(sample) / mean / math.sqrt(10) for sample, mean in zip(times, means, strict=True)]
    ratio = means[0] / means[1]
    outside = abs(math.log(ratio)) > 1.96 * math.hypot(*errors)
    return Said(_direction(ratio) if outside else "neither", ratio, time.monotonic() - start)


def founding(first: str, second: str, seed: int) -> Said:
    """100 runs of each after the other, mean; an alarm where the means are a tenth apart."""
    return _in_process("_founding", first, second, seed)


def rank_test(first: str, second: str, seed: int) -> Said:
    """500 runs of each after the other in one process; Mann and Whitney's test at 0.05."""
    return _in_process("_rank_test", first, second, seed)


TOOLS: dict[str, Callable[[str, str, int], Said]] = {
    "ours": ours,
    "pyperf": pyperf,
    "torch timer": torch_timer,
    "pytest-benchmark": pytest_benchmark,
    "sequential means": sequential_means,
    "founding": founding,
    "rank test": rank_test,
}
NEEDS = {"pyperf": "pyperf", "torch timer": "torch", "pytest-benchmark": "pytest_benchmark"}


def is_there(tool: str) -> bool:
    """Say whether what a tool needs is installed."""
    return tool not in NEEDS or find_spec(NEEDS[tool]) is not None


def _direction(ratio: float) -> str:
    return "faster" if ratio > 1 else "slower"


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    return done.stdout


def _session(name: str, *subjects: str) -> Any:
    """Run a function of this module in a fresh process."""
    call = f"import json; from benchmarks import rivals; print(json.dumps(rivals.{name}(*{subjects!r})))"
    return json.loads(_python("-c", call))


def _in_process(name: str, first: str, second: str, seed: int) -> Said:
    del seed
    start = time.monotonic()
    outcome, ratio = _session(name, first, second)
    return Said(outcome, ratio, time.monotonic() - start)


def _timed(call: Call, runs: int, warmup: int = 10) -> list[float]:
    for _ in range(warmup):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _block(subject: str) -> float:
    return sum(_timed(factory(subject), 200))


def _founding(first: str, second: str) -> tuple[str, float]:
    before, after = (statistics.fmean(_timed(factory(subject), 100, warmup=0)) for subject in (first, second))
    ratio = before / after
    return (_direction(ratio) if after > before * (1 + ALARM) or after < before * (1 - ALARM) else "neither"), ratio


def _rank_test(first: str, second: str) -> tuple[str, float]:
    from scipy.stats import mannwhitneyu

    before, after = (_timed(factory(subject), 500) for subject in (first, second))
    ratio = statistics.median(before) / statistics.median(after)
    return (_direction(ratio) if mannwhitneyu(before, after).pvalue < ALPHA else "neither"), ratio


def _torch_timer(first: str, second: str) -> tuple[str, float]:
    from torch.utils.benchmark import Timer

    found = [Timer("call()", globals={"call": factory(s)}).blocked_autorange(min_run_time=1) for s in (first, second)]
    (low, median, high), (other_low, other, other_high) = (statistics.quantiles(m.times, n=4) for m in found)
    ratio = median / other
    return (_direction(ratio) if high < other_low or other_high < low else "neither"), ratio


def _pytest_median(subject: str, folder: Path) -> float:
    test = folder / "test_subject.py"
    test.write_text(
        f"from benchmarks.rivals import factory\ndef test_call(benchmark):\n    benchmark(factory({subject!r}))\n"
    )
    output = folder / "result.json"
    _python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--benchmark-json={output}", str(test))
    return float(json.loads(output.read_text())["benchmarks"][0]["stats"]["median"])
