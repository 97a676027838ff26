"""The tensor: an array, its gradient, and operators that name the op they stand for. No mathematics here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinytorch.core import ops
from tinytorch.core.autograd import Function, as_array, backward
from tinytorch.core.ops.op import register_tensor
from tinytorch.errors import DTypeError, RangeError, ShapeError, explain

__all__ = ["BYTES_PER_FLOAT32", "KB_TO_BYTES", "MB_TO_BYTES", "Tensor"]

BYTES_PER_FLOAT32 = 4
KB_TO_BYTES = 1024
MB_TO_BYTES = 1024**2

Array = NDArray[Any]
Axes = int | tuple[int, ...] | None


class Tensor:
    """An n-dimensional array that can record what is done to it.

    Args:
        data: Numbers: a scalar, nested lists, an array or a tensor. They are copied.
        requires_grad: Whether `backward` shall compute a gradient for it.
        dtype: The kind of number; float32 unless told otherwise.

    Attributes:
        data: The array; it can be replaced.
        grad: The gradient that `backward` added up: an array of the shape of `data`, or None.
        requires_grad: As above; a result requires grad if any of its inputs does.

    Raises:
        DTypeError: If `data` is not numeric, or is to require a gradient and holds no floats.
        RangeError: If a number cannot be stored: a whole number above 2**24 that float32 would change, a float too
            large for it, or a fraction where `dtype` is of whole numbers.
        ShapeError: If nested lists are of different lengths.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        array([2., 4.], dtype=float32)
    """

    data: Array
    # Defaults on the class: an op's result is made by setting `data` alone, which halves the cost of making it.
    requires_grad: bool = False
    grad: Any = None
    _grad_fn: Function | None = None

    __array_ufunc__ = None  # `array + tensor` is left to the tensor

    def __init__(self, data: Any, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self.data = _converted(data, np.dtype(dtype or np.float32))
        if requires_grad and self.data.dtype.kind != "f":
            rule, remedy = "of a float dtype to require grad", "Leave dtype out, or take float32 or float64."
            raise DTypeError(explain("a tensor", rule, str(self.data.dtype), remedy=remedy))
        self.requires_grad = bool(requires_grad)
        self.grad = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def T(self) -> Tensor:  # noqa: N802  its name everywhere
        """All axes in reverse order."""
        return ops.permute(self, axes=tuple(range(self.ndim))[::-1])

    def numpy(self) -> Array:
        """Give the array itself, not a copy."""
        return self.data

    def item(self) -> Any:
        """Give the only element as a Python number.

        Raises:
            ShapeError: If there is not exactly one.
        """
        if self.data.size != 1:
            rule, remedy = "of one element for item()", "Reduce it, or take tolist()."
            raise ShapeError(explain("a tensor", rule, f"the shape {self.shape}", remedy=remedy))
        return self.data.item()

    def tolist(self) -> Any:
        """Give the elements as nested Python lists."""
        return self.data.tolist()

    def detach(self) -> Tensor:
        """Give a tensor of the same memory that records nothing."""
        out = object.__new__(Tensor)
        out.data = self.data
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self.data)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, form: str) -> str:
        return format(self.item(), form) if form else str(self)

    def __repr__(self) -> str:
        notes = [] if self.data.dtype == np.float32 else [f"dtype={self.data.dtype}"]
        notes += ["requires_grad=True"] if self.requires_grad else []
        return f"Tensor({', '.join([np.array2string(self.data, separator=', ', prefix='Tensor('), *notes])})"

    def backward(self, gradient: Any = None, *, retain_graph: bool = False) -> None:
        """Add to the `.grad` of every leaf the derivative of this tensor, weighted by `gradient`.

        The graph is freed on the way. A tensor that requires no grad is left as it is, with a warning.

        Args:
            gradient: An array or tensor of this tensor's shape; ones if there is a single element.
            retain_graph: Keep the graph for another `backward`.

        Raises:
            ShapeError: If `gradient` does not fit, or is missing for more than one element.
            StateError: If the graph was freed already.
        """
        if not self.requires_grad:
            text = "backward() on a tensor that requires no grad does nothing; was it computed under no_grad()?"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            return
        seed = self._seed(gradient)
        if self._grad_fn is None:
            self.grad = seed if self.grad is None else np.asarray(as_array(self.grad) + seed)
        else:
            backward(self._grad_fn, seed, retain_graph=retain_graph)

    def _seed(self, gradient: Any) -> Array:
        if gradient is None:
            if self.size != 1:
                got, remedy = f"none for the shape {self.shape}", "Reduce it first, as in `x.sum().backward()`."
                raise ShapeError(explain("the gradient", "given for more than one element", got, remedy=remedy))
            return np.ones_like(self.data)
        seed = np.array(as_array(gradient) if isinstance(gradient, Tensor) else gradient, dtype=self.dtype)
        if seed.shape != self.shape:
            raise ShapeError(explain("the gradient", f"of the tensor's shape {self.shape}", seed.shape))
        return seed

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return ops.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops.mul(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return ops.mul(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.div(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return ops.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.pow(other, self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __matmul__(self, other: Any) -> Tensor:
        return self.matmul(other)

    def __getitem__(self, key: Any) -> Tensor:
        return ops.slice(self, key=_as_key(key))

    def matmul(self, other: Any) -> Tensor:
        """The matrix product over the last two axes, the others broadcast; elementwise with a 0-d operand.

        Raises:
            DTypeError: If `other` is not a tensor.
            ShapeError: If the inner sizes differ.
        """
        if not isinstance(other, Tensor):
            remedy = "Wrap it in Tensor(...)."
            raise DTypeError(explain("the right operand of @", "a Tensor", type(other).__name__, remedy=remedy))
        return ops.matmul(self, other) if self.ndim and other.ndim else ops.mul(self, other)

    def reshape(self, *shape: Any) -> Tensor:
        """Give the elements, in order, another shape, as sizes or one tuple; one size may be -1."""
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def flatten(self) -> Tensor:
        """Give a copy of all elements, in order, along one axis."""
        return ops.reshape(self.astype(self.dtype), shape=(-1,))

    def transpose(self, dim0: int | None = None, dim1: int | None = None) -> Tensor:
        """Exchange two axes; the last two if none are named.

        Raises:
            ShapeError: If only one axis is named, or one does not exist.
        """
        if (dim0 is None) != (dim1 is None):
            raise ShapeError(explain("dim0 and dim1", "both given or both left out", f"{dim0} and {dim1}"))
        if dim0 is None or dim1 is None:
            return ops.transpose(self) if self.ndim > 1 else self.astype(self.dtype)
        return ops.transpose(self, dim0=dim0, dim1=dim1)

    def permute(self, *axes: Any) -> Tensor:
        """Put the axes in another order, given as numbers or one tuple."""
        return ops.permute(self, axes=axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)

    def broadcast_to(self, shape: tuple[int, ...]) -> Tensor:
        """Repeat along axes of length 1 and new leading axes."""
        return ops.broadcast_to(self, shape=shape)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """Copy, as another kind of number; the gradient is converted back, and ends at whole numbers."""
        kind = np.dtype(dtype)
        return ops.astype(self if kind.kind == "f" else self.detach(), dtype=kind)

    def sum(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Add up the elements along `axis` (one, several, or all)."""
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Average the elements along `axis` (one, several, or all)."""
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Take the largest element along `axis`; tied elements share the gradient evenly."""
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Take the smallest element along `axis`; tied elements share the gradient evenly."""
        return ops.min(self, axis=axis, keepdims=keepdims)

    def exp(self) -> Tensor:
        return ops.exp(self)

    def log(self) -> Tensor:
        return ops.log(self)

    def sqrt(self) -> Tensor:
        return ops.sqrt(self)

    def abs(self) -> Tensor:
        return ops.abs(self)

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Limit the elements to `[low, high]`."""
        return ops.clip(self, low=low, high=high)


def _converted(data: Any, dtype: np.dtype[Any]) -> Array:
    """Copy numbers into an array of `dtype`, or say why that would change them."""
    array = _parsed(data.data if isinstance(data, Tensor) else data)
    if array.dtype.kind not in "biuf":
        remedy = "Take the real and the imaginary part apart." if array.dtype.kind == "c" else None
        raise DTypeError(explain("the data of a tensor", "real numbers", f"{array.dtype} values", remedy=remedy))
    try:
        with np.errstate(over="raise", invalid="ignore"):  # NaN as a whole number is refused below
            out = array.astype(dtype, order="C")
    except FloatingPointError as error:
        remedy = "Pass dtype='float64'."
        got = float(np.abs(array[np.isfinite(array)]).max())
        raise RangeError(explain("an element", f"in the range of {dtype}", got, remedy=remedy)) from error
    if array.size and array.dtype != dtype and (dtype.kind in "iu" or (array.dtype.kind in "iu" and dtype.kind == "f")):
        _require_exact(array, out)
    return out


def _parsed(data: Any) -> Array:
    try:
        return np.asarray(data)
    except ValueError as error:
        remedy = "Give all rows one length."
        raise ShapeError(explain("nested lists", "of equal lengths", str(error).rstrip("."), remedy=remedy)) from error


def _require_exact(numbers: Array, out: Array) -> None:
    """Refuse to change an id: float32 holds whole numbers up to 2**24, float64 up to 2**53, int64 no fractions."""
    if out.dtype.kind == "f":
        if max(abs(int(numbers.max())), abs(int(numbers.min()))) <= 2 ** (np.finfo(out.dtype).nmant + 1):
            return
        changed = out.astype(object) != numbers.astype(object)  # object: exact at any size
    else:
        changed = out != numbers
    if np.any(changed):
        got = numbers[changed].flat[0].item()
        remedy = "Pass a dtype that holds it, such as 'int64' or 'float64'."
        raise RangeError(explain("a number", f"exact in {out.dtype}", got, remedy=remedy))


def _as_key(key: Any) -> Any:
    """Let tensors stand in a key: indices travel as floats and are whole again here."""
    if isinstance(key, tuple):
        return tuple(_as_key(part) for part in key)
    if not isinstance(key, Tensor):
        return key
    if key.data.dtype.kind == "b":
        return key.data
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, and is refused for being none
        indices = key.data.astype(np.intp)
    wrong = indices != key.data
    if wrong.any():
        raise DTypeError(explain("an index", "a whole number", key.data[wrong].flat[0].item()))
    return indices


register_tensor(Tensor)
