"""What a factory gives: a call, or a model with its inputs, brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

__all__ = ["Refusal", "Workload", "batches_of", "workload_of"]

FORMS = "a call without arguments, a Workload, (model, inputs) or (model, inputs, labels)"
QUIET = {"tinytorch": ("tinytorch.core.autograd", "no_grad"), "torch": ("torch", "inference_mode")}


class Refusal(Exception):  # noqa: N818  it is the answer, not an accident
    """What was asked for cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class Workload:
    """What is measured, and what else is known of it. A factory may return any object with these attributes.

    Attributes:
        call: What is timed: takes no arguments, and its data is prepared.
        model: The live model, for what can be counted on it.
        inputs: What the call works on.
        labels: The right class of each sample, where accuracy is asked for.
        predict: Gives the scores or classes of the labelled samples.
        quiet: Whether the model is switched to inference, and records no gradients, for as long as the workload lives.
        batch: Makes the call of so many samples, where throughput is asked for.

    Example:
        >>> Workload(call=lambda: 1 + 1).call()
        2
    """

    call: Callable[[], Any]
    model: Any = None
    inputs: Any = None
    labels: Any = None
    predict: Optional[Callable[[], Any]] = None  # read at run time, by Python 3.9 too
    quiet: bool = False
    batch: Optional[Callable[[int], Callable[[], Any]]] = None


def workload_of(made: Any, enter: Callable[[Any], object]) -> Workload:
    """Make a workload of what a factory returned.

    Args:
        made: What it returned.
        enter: Enters a context for as long as the workload lives: no gradients are recorded while it is measured.

    Raises:
        Refusal: If it is none of the forms, and says which there are.
    """
    if callable(getattr(made, "call", None)):
        if getattr(made, "quiet", False):
            _quieten(made.model, enter)
        others: Any = {name: getattr(made, name, None) for name in ("model", "inputs", "labels", "predict", "batch")}
        return Workload(made.call, **others)
    if isinstance(made, tuple) and len(made) in (2, 3):
        return _of_model(*made, enter=enter)
    if callable(made):
        return Workload(made)
    raise Refusal(f"the factory must return {FORMS}; got {_kind(made)}. Return one of these.")


def _of_model(model: Any, inputs: Any, labels: Any = None, *, enter: Callable[[Any], object]) -> Workload:
    forward = getattr(model, "forward", None)
    if not callable(forward) or _maker(model) == "torch":  # a PyTorch module's hooks run when it is called
        forward = model
    if not callable(forward):
        raise Refusal(
            f"the model must be callable, or have a forward method; got {_kind(model)}. Return a call instead."
        )
    _quieten(model, enter)
    call = lambda: forward(inputs)
    return Workload(call, model, inputs, labels, call, batch=batches_of(forward, inputs))


def batches_of(forward: Callable[[Any], Any], inputs: Any) -> Optional[Callable[[int], Callable[[], Any]]]:
    """Give what makes the call of so many samples, (N, ...), beginning again with the first where there are fewer.

    None where the inputs are no array or tensor of at least two axes: nobody knows what a sample is then.
    """
    shape: Any = getattr(inputs, "shape", ())
    if len(shape) < 2 or not shape[0]:
        return None

    def batch(size: int) -> Callable[[], Any]:
        samples = inputs[[row % shape[0] for row in range(size)]]
        return lambda: forward(samples)

    return batch


def _quieten(model: Any, enter: Callable[[Any], object]) -> None:
    """Switch a model of a known framework to inference."""
    if _maker(model) not in QUIET:
        return
    from importlib import import_module

    module, name = QUIET[_maker(model)]
    if callable(getattr(model, "eval", None)):
        model.eval()
    enter(getattr(import_module(module), name)())


def _maker(model: Any) -> str:
    """Name the package of a known framework that the model's class, or one it derives from, comes from."""
    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    return next((package for package in packages if package in QUIET), "")


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"
