"""The `model-index` of a model card on the Hugging Face Hub, in YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tinytorch.capstone.reporting.reading import ModelRead, Reading, read

__all__ = ["model_index", "model_index_yaml"]

TASKS = {
    "image-classification": ("digits", "mnist", "cifar"),
    "text-generation": ("gpt", "text", "char", "shakespeare"),
}
DEFAULT = "tabular-classification"
# type of the metric, its name, where it stands in the record; a value that is declared only is left out
METRICS = (
    ("accuracy", "Accuracy", "accuracy"),
    ("latency", "Median latency of one sample (s)", "latency_p50_seconds"),
    ("latency", "Mean latency of one sample (s)", "latency_mean_seconds"),
    ("throughput", "Throughput in batches (samples/s)", "throughput_batch_samples_per_second"),
    ("parameters", "Parameters", "parameter_count"),
    ("size", "Size as stored (bytes)", "stored_bytes"),
)
PLAIN = re.compile(r"[^\w.-]+")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}

Index = list[dict[str, Any]]


def model_index(document: Mapping[str, Any]) -> Index:
    """Give what a model card says of a submission's model: its name, its task, its data, its metrics.

    No metric is `verified`: the Hub keeps that word for what its own evaluation found.

    Raises:
        SubmissionError: If the submission is not valid.

    Source:
        Hugging Face, Model Cards: the metadata block `model-index`.
    """
    reading = read(document)
    result = {"task": _task(reading), "dataset": _dataset(reading), "metrics": list(_metrics(reading))}
    return [{"name": reading.subject.content["model_name"], "results": [result]}]


def model_index_yaml(document: Mapping[str, Any]) -> str:
    """Write the same as the YAML that begins a model card.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    body = {"library_name": "tinytorch", "model-index": model_index(document)}
    return "\n".join(("---", *_lines(body, 0), "---")) + "\n"


def _task(reading: Reading) -> dict[str, str]:
    data = str(reading.part("dataset").get("name", "")).lower()
    found = next((task for task, hints in TASKS.items() if any(hint in data for hint in hints)), DEFAULT)
    return {"type": found, "name": found.replace("-", " ").title()}


def _dataset(reading: Reading) -> dict[str, str]:
    data = reading.part("dataset")
    name = str(data.get("name", "not recorded"))
    found = {"type": PLAIN.sub("-", name.lower()).strip("-") or "unknown", "name": name}
    found |= {"split": data["split"]} if "split" in data else {}
    return found | ({"revision": data["version"]} if "version" in data else {})


def _metrics(reading: Reading) -> Iterator[dict[str, Any]]:
    for kind, name, place in METRICS:
        value = reading.subject.value(place)
        if value is not None:
            yield {"type": kind, "value": value, "name": name, "verified": False} | _interval(reading.subject, place)
    verdict = reading.verdict
    if verdict is not None:
        name, value = "Times as fast as the baseline, side by side", verdict.ratio.value
        ends = {"low": verdict.ratio.low, "high": verdict.ratio.high, "confidence": verdict.ratio.confidence}
        yield {"type": "speedup", "value": value, "name": name, "verified": False, "args": ends}


def _interval(model: ModelRead, place: str) -> dict[str, Any]:
    """Give the interval as arguments of the metric, the place that the Hub has for more."""
    found = model.metrics.get(place)
    if not isinstance(found, Mapping) or found.get("low") is None:
        return {}
    return {"args": {name: found.get(name) for name in ("low", "high", "confidence")}}


def _lines(value: Any, depth: int) -> Iterator[str]:
    """Write mappings and lists as blocks, all texts in double quotes."""
    indent = "  " * depth
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(inner, depth + 1)
        elif isinstance(inner, list):
            yield f"{indent}{key}:"
            for item in inner:
                first, *others = _lines(item, depth + 1)
                yield f"{indent}- {first.lstrip()}"
                yield from others
        else:
            yield f"{indent}{key}: {_scalar(inner)}"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _number(value)
    return f'"{"".join(map(_sign, value))}"'


def _number(value: float) -> str:
    """Write a number with a point before its exponent, as YAML 1.1 wants it."""
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


def _sign(sign: str) -> str:
    if sign in ESCAPES:
        return ESCAPES[sign]
    code = ord(sign)
    is_shown = sign.isprintable() and code != 0xFEFF
    return (
        sign if is_shown else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
