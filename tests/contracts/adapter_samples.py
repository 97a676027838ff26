"""One row per adapter, and one for models of no framework: a model, and what it makes of two samples.

A new adapter needs a row here; `test_adapters.py` fails and names this file while it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinytorch.core.layers import Dropout, Linear, Sequential

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)
SAMPLES = np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]], dtype=np.float32)


@dataclass(frozen=True)
class AdapterRow:
    """A model of one framework.

    Attributes:
        package: The framework's; none for a model of none.
        case: What is special about this model.
        make: Makes one that multiplies by `WEIGHT`, after a dropout where there is such a thing.
        modes: Gives what must be as it was after inference.
    """

    package: str | None
    case: str
    make: Callable[[], Any]
    modes: Callable[[Any], Any] = lambda _: None

    @property
    def name(self) -> str:
        return f"{self.package or 'none'}: {self.case}"


def _layers() -> Sequential:
    linear = Linear(3, 2, bias=False)
    linear.weight.data = WEIGHT.copy()
    return Sequential(Dropout(0.5), linear)


def _duck() -> SimpleNamespace:
    model = _layers()
    return SimpleNamespace(forward=model.forward, parameters=model.parameters, inner=model)


def _torch() -> Any:
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear(3, 2, bias=False)
    linear.weight.data = torch.from_numpy(WEIGHT.T.copy())
    return torch.nn.Sequential(torch.nn.Dropout(0.5), linear)


ROWS = (
    AdapterRow(None, "forward", lambda: SimpleNamespace(forward=lambda x: x @ WEIGHT)),
    AdapterRow(None, "predict", lambda: SimpleNamespace(predict=lambda x: (x @ WEIGHT).tolist())),
    AdapterRow(None, "a function", lambda: lambda x: x @ WEIGHT),
    AdapterRow("tinytorch", "layers", _layers, lambda model: [layer.training for layer in (model, *model.layers)]),
    AdapterRow("tinytorch", "an object that holds layers", _duck, lambda model: model.inner.training),
    AdapterRow("torch", "modules", _torch, lambda model: [module.training for module in model.modules()]),
)
