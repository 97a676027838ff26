"""Models made of PyTorch's modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.benchmarking.adapters import plain

__all__ = ["Adapter"]


class Adapter(plain.Adapter):
    """How to call a model that takes and gives PyTorch's tensors; they stay where the model's parameters are."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        if callable(model):
            self.call = model  # a module's hooks run when it is called, not in its forward
        self._torch = import_module("torch")

    def prepare(self, inputs: NDArray[Any]) -> Any:
        """Make a tensor on the model's device."""
        first = next(iter(self.model.parameters()), None)
        return self._torch.from_numpy(np.array(inputs)).to(first.device if first is not None else "cpu")

    def array(self, output: Any) -> NDArray[Any]:
        """Copy the tensor to the host."""
        return np.asarray(output.detach().cpu().numpy() if hasattr(output, "detach") else output)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Switch every module to inference, and record no graph."""
        modules = list(self.model.modules()) if hasattr(self.model, "modules") else []
        modes = [module.training for module in modules]
        try:
            for module in modules:
                module.training = False
            with self._torch.inference_mode():
                yield
        finally:
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode
