"""What each layer of a model holds: from its file's list of tensors, else from its architecture; nothing is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from tinytorch.capstone.reporting.reading import ModelRead, Reading

__all__ = ["Attribution", "LayerShare", "attribution_of"]

Object = Mapping[str, Any]

LONGEST_HEADER = 1 << 22  # bytes; a thousand layers take a tenth of it
LARGEST_FILE = 1 << 30  # bytes; more is not hashed for a report
MOST_LAYERS = 200
SAMPLES = "samples."  # inputs and labels that travel with a model
DEEPEST = 32
PROFILE = "tinytorch.profile.v1"


@dataclass(frozen=True, slots=True)
class LayerShare:
    """One layer.

    Attributes:
        name: Its place in the model.
        kind: What it is, such as Linear; nothing where that is not known.
        parameters: Numbers it holds; none where that is not known.
        stored_bytes: What they take as stored; none where the file is not at hand.
        seconds: What it takes of a call; none where no profile was recorded.
    """

    name: str
    kind: str = ""
    parameters: int | None = None
    stored_bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """A model's layers, and where that is known from.

    Attributes:
        layers: In order; empty where nothing is known.
        source: In words.
    """

    layers: tuple[LayerShare, ...]
    source: str


def attribution_of(reading: Reading, model: ModelRead) -> Attribution:
    """Say what is known of the layers of one of a submission's models."""
    tensors, source = _tensors(model, reading.folder)
    architecture = model.content.get("architecture")
    kinds = dict(_parts(architecture)) if isinstance(architecture, Mapping) else {}
    found = _of_tensors(tensors, kinds) if tensors else _of_architecture(kinds)
    times = _times(reading.extension("profile").get(model.part))
    layers = [_timed(layer, times) for layer in found] or [LayerShare(name, seconds=s) for name, s in times.items()]
    if not tensors and found:
        source = f"the architecture in the record; {source}"
    if times:
        source += "; times from the profile in the record"
    return Attribution(tuple(layers[:MOST_LAYERS]), source)


def _timed(layer: LayerShare, times: Mapping[str, float]) -> LayerShare:
    return LayerShare(layer.name, layer.kind, layer.parameters, layer.stored_bytes, times.get(layer.name))


def _tensors(model: ModelRead, folder: Path | None) -> tuple[dict[str, Object], str]:
    """Read the list of tensors of a model's file, if the file is the one that the record speaks of."""
    artifact = model.content.get("artifact")
    if not artifact or folder is None:
        return {}, "its file is not recorded" if not artifact else "its file was not looked for"
    path = folder / artifact["path"]
    try:
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return {}, "its file is not beside the record"
        if path.stat().st_size != artifact["size_bytes"] or not _is_same(path, artifact["sha256"]):
            return {}, "the file beside the record is another one than was measured"
        return _header(path), f"the file {path.name}, whose hash is the recorded one"
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"its file could not be read ({type(error).__name__})"


def _is_same(path: Path, sha256: str) -> bool:
    if path.stat().st_size > LARGEST_FILE:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _header(path: Path) -> dict[str, Object]:
    """Read the header of a safetensors file: no tensor is loaded.

    Raises:
        ValueError: If it has none.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER:
            raise ValueError(length)
        header = json.loads(file.read(length))
    pairs = header.items() if isinstance(header, dict) else [("", header)]
    listed = {name: tensor for name, tensor in pairs if name != "__metadata__" and not name.startswith(SAMPLES)}
    if not all(_is_tensor(tensor) for tensor in listed.values()):
        raise ValueError(path)
    return listed


def _is_tensor(tensor: Any) -> bool:
    """Say whether an entry of a header has what is read of it: a shape, and where its bytes begin and end."""
    places: list[Any] = [tensor.get(name) for name in ("shape", "data_offsets")] if isinstance(tensor, dict) else [None]
    return all(_is_counts(place) for place in places) and [len(place) for place in places][1:] == [2]


def _is_counts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(number, int) for number in value)


def _of_tensors(tensors: Mapping[str, Object], kinds: Mapping[str, Object]) -> list[LayerShare]:
    sizes: dict[str, int] = {}
    for name, tensor in tensors.items():
        start, stop = tensor["data_offsets"]
        layer = name.rpartition(".")[0] or name
        sizes[layer] = sizes.get(layer, 0) + int(stop) - int(start)
    shapes = {name: tensor["shape"] for name, tensor in tensors.items()}
    return [LayerShare(name, *_kind(name, kinds, shapes), sizes[name]) for name in sorted(sizes, key=_by_number)]


def _kind(name: str, kinds: Mapping[str, Object], shapes: Mapping[str, list[int]]) -> tuple[str, int | None]:
    """Say what a layer is and how many numbers it holds: by its architecture, else by its weight and bias."""
    part = kinds.get(name, {})
    counted = _count(part) if part else None
    if counted is None:
        own = (shape for tensor, shape in shapes.items() if tensor in {f"{name}.weight", f"{name}.bias"})
        counted = sum(map(prod, own)) or None
    return str(part.get("layer", "")), counted


def _by_number(name: str) -> list[tuple[int, str]]:
    """Put layer 10 behind layer 9."""
    return [(int(step), "") if step.isdecimal() else (-1, step) for step in name.split(".")]


def _of_architecture(kinds: Mapping[str, Object]) -> list[LayerShare]:
    found = [LayerShare(name, str(part["layer"]), _count(part)) for name, part in kinds.items()]
    return [layer for layer in found if layer.parameters]


def _parts(part: Object, place: str = "", depth: int = 0) -> Iterator[tuple[str, Object]]:
    """List the plain layers of an architecture by the names that their weights have in a file."""
    inner = part.get("layers")
    if isinstance(inner, list) and depth < DEEPEST:
        for number, layer in enumerate(inner[:MOST_LAYERS]):
            if isinstance(layer, Mapping):
                yield from _parts(layer, f"{place}layers.{number}.", depth + 1)
    elif part.get("layer") == "SimpleMLP":
        yield from _mlp(part, place)
    elif "layer" in part:
        yield place.removesuffix(".") or str(part["layer"]), part


def _mlp(part: Object, place: str) -> Iterator[tuple[str, Object]]:
    given = part.get("arguments", {})
    changed = part.get("changed") or {}
    sizes = [given.get(name) for name in ("input_size", "hidden_size", "output_size")]
    for number, name in enumerate(("fc1", "fc2")):
        plain = {"in_features": sizes[number], "out_features": sizes[number + 1], "bias": True}
        yield f"{place}{name}", changed.get(name) or {"layer": "Linear", "arguments": plain}


def _linear(given: Object) -> int:
    return int((given["in_features"] + bool(given["bias"])) * given["out_features"])


def _conv(given: Object) -> int:
    kernel = given["kernel_size"]
    area = prod(kernel) if isinstance(kernel, list | tuple) else kernel**2
    return int((given["in_channels"] * area + bool(given["bias"])) * given["out_channels"])


COUNTS: dict[str, Callable[[Object], int]] = {
    **dict.fromkeys(("Linear", "QuantizedLinear", "Int4Linear"), _linear),
    **dict.fromkeys(("Conv2d", "QuantizedConv2d"), _conv),
    **dict.fromkeys(
        ("Embedding", "QuantizedEmbedding", "Int4Embedding"), lambda given: given["vocab_size"] * given["embed_dim"]
    ),
    "BatchNorm2d": lambda given: 2 * given["num_features"],
}


def _count(part: Object) -> int | None:
    """Count a plain layer's numbers from its arguments; none for a layer of another kind."""
    count = COUNTS.get(str(part.get("layer")))
    try:
        return int(count(part["arguments"])) if count else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None  # anyone may have written it, and nothing rests on it


def _times(profile: Any) -> dict[str, float]:
    """Add up the median times of each layer's ops in a profile that the record holds."""
    found: dict[str, float] = {}
    if not isinstance(profile, Mapping) or profile.get("format") != PROFILE:
        return found
    ops = profile.get("ops")
    for op in ops if isinstance(ops, list) else []:
        layer, time = (op.get("layer"), op.get("forward_ns")) if isinstance(op, Mapping) else (None, None)
        value = time.get("value") if isinstance(time, Mapping) else None
        if isinstance(layer, str) and layer and isinstance(value, int | float) and value > 0:
            found[layer] = found.get(layer, 0.0) + value / 1e9
    return found
