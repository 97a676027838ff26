"""Layers: what has parameters, or holds what has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinytorch.core import ops
from tinytorch.core.tensor import Tensor
from tinytorch.errors import DataError, RangeError, ShapeError, StateError, explain

__all__ = ["HE_SCALE_FACTOR", "XAVIER_SCALE_FACTOR", "Dropout", "Layer", "Linear", "Module", "Sequential"]

XAVIER_SCALE_FACTOR = 1.0
HE_SCALE_FACTOR = 2.0

Array = NDArray[Any]
State = dict[str, Array]


class Layer:
    """The base of layers and models. Define `forward`; the rest follows from the attributes.

    Attributes that are tensors are the state; those of them that require grad are the parameters. A public attribute
    that is an array is state too, such as a running mean. Layers are looked for in attributes, and in lists, tuples
    and dictionaries of them. No call of `super().__init__()` is needed.

    Attributes:
        training: Whether layers that behave differently while training, such as dropout, do so.

    Example:
        >>> class Doubler(Layer):
        ...     def __init__(self):
        ...         self.linear = Linear(2, 2, bias=False)
        ...     def forward(self, x):
        ...         return self.linear(x) * 2
        >>> [name for name, _ in Doubler().named_parameters()]
        ['linear.weight']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output.

        Raises:
            NotImplementedError: In a class that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def parameters(self) -> list[Tensor]:
        """List the tensors that require grad, each once; a frozen one is left out."""
        return [tensor for _, tensor in self.named_parameters()]

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Give the name and the tensor of every parameter, such as `("fc1.weight", ...)`; a shared one once."""
        seen: set[int] = set()
        for name, value in self._state():
            if isinstance(value, Tensor) and value.requires_grad and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def train(self, mode: bool = True) -> Self:
        """Switch this layer and all below it to training."""
        for layer in layers_of(self):
            layer.training = mode
        return self

    def eval(self) -> Self:
        """Switch this layer and all below it to inference."""
        return self.train(mode=False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert the tensors of floats, frozen ones too, to another kind of float, in place; arrays stay."""
        for tensor in {id(v): v for _, v in self._state() if isinstance(v, Tensor)}.values():
            if tensor.data.dtype.kind == "f":
                tensor.data = tensor.data.astype(dtype)
        return self

    def state_dict(self) -> State:
        """Copy all state, by name; a shared tensor stands under each of its names."""
        return {name: np.array(_array(value), order="C") for name, value in self._state()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Copy `state` into the parameters and other state, keeping their kind of number.

        Args:
            state: Arrays by name, as `state_dict` gives them.
            strict: Refuse missing and unknown names; otherwise both are passed over.

        Raises:
            StateError: If names are missing or unknown; it lists them.
            ShapeError: If an array has another shape; nothing is loaded then.
        """
        own = dict(self._state())
        if strict:
            _require_same_names(own, state)
        matched = [(name, _array(own[name]), np.asarray(_array(state[name]))) for name in own if name in state]
        wrong = [f"{name}: {new.shape} for {old.shape}" for name, old, new in matched if new.shape != old.shape]
        if wrong:
            raise ShapeError(explain("the state", "of the layer's shapes", "; ".join(wrong)))
        converted = [(old, new.astype(old.dtype, copy=False)) for _, old, new in matched]
        for old, new in converted:  # nothing can fail any more
            old[...] = new
        for layer in layers_of(self):
            layer.after_load()

    def after_load(self) -> None:
        """Take notice that state was loaded; a layer that keeps it in another form makes that anew."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as a safetensors file, whole or not at all.

        Raises:
            DataError: If the file cannot be written.
        """
        from safetensors.numpy import save

        from tinytorch.files import write_atomically

        # safetensors 0.8 writes the memory of a strided array as if it were contiguous; `state_dict` gives none
        write_atomically(path, save(self.state_dict()))

    def load(self, path: str | os.PathLike[str], *, strict: bool = True) -> None:
        """Read a safetensors file into the state.

        Raises:
            DataError: If the file cannot be read, or is no safetensors file.
            StateError, ShapeError: As `load_state_dict` does.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            state = load_file(path)
        except (OSError, SafetensorError) as error:
            raise DataError(explain("the weights", "a safetensors file", str(error), at=str(path))) from error
        self.load_state_dict(state, strict=strict)

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in vars(self).items():
            yield from _walk(prefix + name, value, private=name.startswith("_"))

    def __repr__(self) -> str:
        inside = [f"{name}={value!r}" for name, value in vars(self).items() if isinstance(value, Layer)]
        return f"{type(self).__name__}({', '.join(inside)})"


Module = Layer


def _walk(name: str, value: Any, *, private: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Tensor) or (isinstance(value, np.ndarray) and not private):
        yield name, value
    elif isinstance(value, Layer):
        yield from value._state(f"{name}.")
    elif isinstance(value, list | tuple | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(f"{name}.{key}", item, private=private)


def layers_of(model: Any) -> list[Layer]:
    """List every layer in a model, itself included, each once; the model need not be a layer."""
    found: dict[int, Layer] = {}
    _collect(model if isinstance(model, Layer) else getattr(model, "__dict__", None), found)
    return list(found.values())


def _collect(value: Any, found: dict[int, Layer]) -> None:
    if isinstance(value, Layer):
        if id(value) in found:
            return
        found[id(value)] = value
        value = vars(value)
    if isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            _collect(item, found)


def _array(value: Any) -> Array:
    array: Array = value.data if isinstance(value, Tensor) else value
    return array


def _require_same_names(own: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unknown:
        got = f"missing {missing}, unknown {unknown}"
        remedy = "Pass strict=False to load what matches."
        raise StateError(explain("the names of the state", "those of the layer", got, remedy=remedy))


class Linear(Layer):
    """`y = x @ weight + bias`.

    Takes (..., in_features), any number of leading axes, none included; gives (..., out_features).

    Attributes:
        weight: (in_features, out_features), drawn from N(0, 1/in_features) with NumPy's global state.
        bias: (out_features,) zeros, or None.

    Raises:
        RangeError: If a size is not a whole number above 0.

    Source:
        Y. LeCun, L. Bottou, G. Orr, K.-R. Müller (1998), Efficient BackProp, section 4.6.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            require_count(name, size)
        self.in_features = in_features
        self.out_features = out_features
        scale = np.sqrt(XAVIER_SCALE_FACTOR / in_features)
        weight = np.random.standard_normal((in_features, out_features)) * scale  # noqa: NPY002  seeded by np.random.seed
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        try:
            return ops.matmul(x, self.weight) if self.bias is None else ops.linear(x, self.weight, self.bias)
        except ShapeError as error:
            rule = f"of shape (..., {self.in_features})"
            got = x.shape if isinstance(x, Tensor) else np.shape(x)
            raise ShapeError(explain(f"the input of {self!r}", rule, got)) from error

    def __repr__(self) -> str:
        ending = "" if self.bias is not None else ", bias=False"
        return f"Linear({self.in_features}, {self.out_features}{ending})"


class Dropout(Layer):
    """Sets each element to 0 with probability `p` while training, and scales the others by `1 / (1 - p)`.

    The mask comes from NumPy's global state. `training` may be given to the call; the layer's own mode, which is
    training until `eval()`, decides otherwise.

    Raises:
        RangeError: If `p` is outside [0, 1].

    Source:
        N. Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    def __init__(self, p: float = 0.5) -> None:
        require_ratio("p", p)
        self.p = p

    def forward(self, x: Tensor, training: bool | None = None) -> Tensor:
        on = self.training if training is None else training
        return ops.dropout(x, p=self.p) if on and self.p > 0 else x

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"


class Sequential(Layer):
    """Layers one after the other.

    Args:
        layers: As arguments, or as one list.

    Example:
        >>> Sequential(Linear(4, 2), Linear(2, 1))(Tensor([[1.0, 2.0, 3.0, 4.0]])).shape
        (1, 1)
    """

    def __init__(self, *layers: Any) -> None:
        self.layers: list[Any] = (
            list(layers[0]) if len(layers) == 1 and isinstance(layers[0], list | tuple) else list(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


def require_count(name: str, value: Any) -> None:
    """Refuse what is not a whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise RangeError(explain(name, "a whole number above 0", value))


def require_ratio(name: str, value: Any) -> None:
    """Refuse what is not a number in [0, 1]."""
    if not 0 <= value <= 1:  # NaN fails this too
        raise RangeError(explain(name, "a ratio in [0, 1]", value))
