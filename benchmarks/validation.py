"""How many submissions of version 2 without raw samples are validated in a second, by one core.

python -m benchmarks.validation [--count 100000] [--smoke] [--output validation.json]

Every submission has numbers of its own and is valid. Two times are taken over the same texts: from the bytes of a file
to its problems, and from a parsed document to its problems. The first thousand are a warm-up and count for nothing.
"""

import argparse
import gc
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tinytorch.benchmarking.environment import collect_environment
from tinytorch.capstone.intake import json_document
from tinytorch.capstone.record.resource import resource_of
from tinytorch.capstone.validation import problems

COUNT = 100_000
SMOKE = 300
CHUNK = 1000
ESTIMATES = ("mean", "p50", "p90", "p99")


def main() -> None:
    """Time it, print it, and keep it."""
    given = _parser().parse_args()
    found = timed(SMOKE if given.smoke else given.count)
    print(f"{found['count']:,} submissions of {found['bytes_each']:,} bytes on one core:")
    for name, what in (("from_bytes_seconds", "from a file's bytes"), ("judging_seconds", "from a parsed document")):
        print(f"  {what:24}{found[name]:6.2f} s, {found['count'] / found[name]:,.0f} a second")
    if given.output:
        kept = found | {"environment": collect_environment()}
        Path(given.output).write_text(json.dumps(kept, indent=1) + "\n")


def timed(count: int) -> dict[str, float]:
    """Validate so many submissions a thousand at a time, and sum up the time that this took, without making them.

    Raises:
        SystemExit: If one of them is not valid: then nothing was timed that was meant to be.
    """
    made, size, times = texts(), 0, [0.0, 0.0]
    _validate([next(made) for _ in range(min(count, CHUNK))])
    for start in range(0, count, CHUNK):
        contents = [next(made) for _ in range(min(CHUNK, count - start))]
        documents = [json_document(content, "") for content in contents]
        gc.collect()
        times[0] += _seconds(lambda contents=contents: _validate(contents))
        times[1] += _seconds(lambda documents=documents: _judge(documents))
        size += sum(map(len, contents))
    return {
        "count": count,
        "bytes_each": size // count,
        "from_bytes_seconds": times[0],
        "judging_seconds": times[1],
    }


def texts() -> Iterator[bytes]:
    """Make valid submissions without end, each with other numbers."""
    chance, machine = np.random.default_rng(0), collect_environment()
    for index in itertools.count():
        yield json.dumps(submission(index, chance, machine)).encode()


def submission(index: int, chance: np.random.Generator, machine: dict) -> dict:
    """Make one, with two models and all metrics, declared."""
    slow, quick = chance.uniform(1e-5, 1e-2, 2).tolist()
    sizes = chance.integers(1000, 10**7, 2).tolist()
    right = (chance.integers(300, 361, 2) / 360).tolist()
    parts = [_model(*told, index) for told in zip((slow, quick), sizes, right, strict=True)]
    gained = {"speedup": slow / quick, "compression_ratio": sizes[0] / sizes[1], "accuracy_delta": right[1] - right[0]}
    return {
        "schema_version": "2.0.0",
        "submission_type": "capstone_benchmark",
        "tinytorch_version": "0.1.0",
        "timestamp": f"2026-01-{1 + index % 28:02d}T12:00:00Z",
        "author": {"name": f"Author {index}"},
        "environment": {"resource": resource_of(machine), "system_info": machine},
        "dataset": {"name": "digits", "version": "1", "split": "test", "sha256": f"{index:064x}", "sample_count": 360},
        "protocol": {"preset": "standard", "seed": index, "blas_threads": 1, "warmup_count": 10, "batch_size": 32},
        "baseline": parts[0],
        "optimized": parts[1] | {"techniques": [{"name": "prune.units.v1", "options": {"keep_ratio": 0.5}}]},
        "improvements": gained,
        "notes": ["Written by a program."],
    }


def _model(mean: float, size: int, accuracy: float, index: int) -> dict:
    times = {f"latency_{name}_seconds": _estimate(mean * (1 + place / 10)) for place, name in enumerate(ESTIMATES)}
    metrics = {
        "parameter_count": size // 4 + 1,
        "stored_bytes": size,
        "accuracy": _estimate(accuracy) | {"low": accuracy - 0.01, "high": min(1.0, accuracy + 0.01)},
        **times,
        "latency_std_seconds": mean / 20,
        "latency_min_seconds": mean * 0.9,
        "latency_max_seconds": mean * 2,
        "throughput_single_samples_per_second": 1 / mean,
        "throughput_batch_samples_per_second": _estimate(3 / mean),
        "peak_memory_bytes": 4096,
        "first_call_seconds": mean * 3,
        "clock_cost_seconds": 4e-8,
    }
    artifact = {"path": "model.safetensors", "media_type": "application/vnd.safetensors", "size_bytes": size + 800}
    return {
        "model_name": f"model {index}",
        "parameter_sha256": f"{size:064x}",
        "artifact": artifact | {"sha256": f"{index:064x}"},
        "metrics": metrics,
        "samples": {},
    }


def _estimate(value: float) -> dict:
    return {"value": value, "low": value * 0.99, "high": value * 1.01, "confidence": 0.95, "origin": "declared"}


def _validate(contents: Sequence[bytes]) -> None:
    for content in contents:
        _require_none(problems(json_document(content, "")))


def _judge(documents: Sequence[dict]) -> None:
    for document in documents:
        _require_none(problems(document))


def _require_none(found: list) -> None:
    if found:
        raise SystemExit("\n".join(map(str, found)))


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many (default: {COUNT:,})")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE} only")
    parser.add_argument("--output", metavar="FILE", help="where to keep the figures, as JSON")
    return parser


if __name__ == "__main__":
    main()
