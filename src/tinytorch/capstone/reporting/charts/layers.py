"""Where a model's bytes, or its parameters, are: layer by layer, both models side by side."""

from __future__ import annotations

from collections.abc import Callable

from tinytorch.capstone.reporting.drawing import Box, Figure, Label, Scene
from tinytorch.capstone.reporting.drawing.scene import fitted
from tinytorch.capstone.reporting.layers import Attribution, LayerShare, attribution_of
from tinytorch.capstone.reporting.markup import shown
from tinytorch.capstone.reporting.reading import ModelRead, Reading
from tinytorch.capstone.reporting.texts import bytes_text, count_text, seconds_text

__all__ = ["layers_figure"]

ROW, HEAD, BAR = 40, 26, 10
MOST = 16

Known = list[tuple[ModelRead, Attribution]]


def layers_figure(reading: Reading) -> Figure | None:
    """Draw what each layer holds: bytes where all models' files are at hand, else parameters; none if not known."""
    known = [(model, attribution_of(reading, model)) for model in reading.models]
    known = [(model, found) for model, found in known if found.layers]
    if not known:
        return None
    of, text, what = _measure(known)
    summary = " ".join(_said(model, found, of, text) for model, found in known)
    rows = tuple(_row(model, layer) for model, found in known for layer in found.layers)
    columns = ("Layer", "Model", "Kind", "Parameters", "Bytes as stored", "Time of a call")
    return Figure(
        "layers", f"{what}, layer by layer", summary, lambda width: _draw(known, of, text, width), columns, rows
    )


def _measure(known: Known) -> tuple[Callable[[LayerShare], float], Callable[[float | None], str], str]:
    layers = [layer for _, found in known for layer in found.layers]
    if all(layer.seconds is not None for layer in layers):
        return lambda layer: layer.seconds or 0.0, seconds_text, "Time of a call"
    if all(layer.stored_bytes is not None for layer in layers):
        return lambda layer: layer.stored_bytes or 0, bytes_text, "Bytes as stored"
    return lambda layer: layer.parameters or 0, count_text, "Parameters"


def _said(model: ModelRead, found: Attribution, of: Callable[[LayerShare], float], text: Callable[..., str]) -> str:
    largest = max(found.layers, key=of)
    total = sum(map(of, found.layers)) or 1
    share = f"{100 * of(largest) / total:.0f} %"
    return f"{model.name}: {text(total)} in all, {share} of it in {shown(largest.name, 40)}."


def _row(model: ModelRead, layer: LayerShare) -> tuple[str, ...]:
    numbers = (count_text(layer.parameters), bytes_text(layer.stored_bytes), seconds_text(layer.seconds))
    return (shown(layer.name, 60), model.name, layer.kind or "–", *numbers)


def _draw(known: Known, of: Callable[[LayerShare], float], text: Callable[..., str], width: float) -> Scene:
    names = list(dict.fromkeys(layer.name for _, found in known for layer in found.layers))[:MOST]
    scene = Scene(width, HEAD * len(known) + 8 + (20 + (BAR + 6) * len(known) + 10) * len(names))
    longest = max((of(layer) for _, found in known for layer in found.layers), default=1) or 1
    for number, (model, _) in enumerate(known):
        scene.add(
            Box(0, HEAD * number + 5, 12, 12, _colour(model)),
            Label(20, HEAD * number + 15, fitted(model.name, width - 24)),
        )
    y = HEAD * len(known) + 8.0
    for name in names:
        scene.add(Label(0, y + 12, fitted(_titled(name, known), width)))
        y += 20
        for model, found in known:
            layer = next((one for one in found.layers if one.name == name), None)
            _bar(scene, y, width, (of(layer) / longest, text(of(layer))) if layer else None, _colour(model))
            y += BAR + 6
        y += 10
    return scene


def _titled(name: str, known: Known) -> str:
    kinds = dict.fromkeys(
        layer.kind for _, found in known for layer in found.layers if layer.name == name and layer.kind
    )
    return f"{shown(name, 60)}  {' → '.join(shown(kind, 24) for kind in kinds)}".strip()


def _bar(scene: Scene, y: float, width: float, found: tuple[float, str] | None, colour: str) -> None:
    share, text = found or (0.0, "not there")
    length = max(1.0, share * (width - 90))
    scene.add(Box(0, y, length, BAR, colour), Label(length + 8, y + BAR - 1, text, "muted", size=11))


def _colour(model: ModelRead) -> str:
    return "base" if model.part == "baseline" else "accent"
