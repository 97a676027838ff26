"""Where the frames of a flame graph lie: layers over their ops, from the left in the order in which they ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tinytorch.perf.profiling.report import OpProfile, Profile
from tinytorch.perf.profiling.scopes import Scope

__all__ = ["FAMILIES", "Frame", "family_of", "frames_of"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "product": ("linear", "matmul", "conv2d", "attention", "attention_weights", "int8_linear"),
    "normalization": ("layer_norm", "batch_norm", "softmax", "log_softmax"),
    "reduction": ("sum", "mean", "max", "min", "max_pool2d", "avg_pool2d", "mse", "bce", "cross_entropy"),
    "movement": (
        *("reshape", "transpose", "permute", "broadcast_to", "slice", "concatenate", "stack"),
        *("embedding", "astype", "where"),
    ),
}
OTHERS = "elementwise"
LAYER = "layer"


@dataclass(frozen=True, slots=True)
class Frame:
    """One box: a layer, or an op.

    Attributes:
        name: What stands in it.
        path: The layer it is, or belongs to.
        family: `layer`, or what kind of work an op is.
        left: Nanoseconds of all ops before it.
        width: Nanoseconds of its own ops.
        depth: The row, the model itself in row 0.
        op: The op, if it is one.
    """

    name: str
    path: str
    family: str
    left: float
    width: float
    depth: int
    op: OpProfile | None = None


def family_of(op: str) -> str:
    """Say what kind of work an op is.

    Example:
        >>> family_of("conv2d"), family_of("relu")
        ('product', 'elementwise')
    """
    return next((family for family, ops in FAMILIES.items() if op in ops), OTHERS)


def frames_of(profile: Profile, *, backward: bool = False) -> list[Frame]:
    """Lay out a pass by the median times of its ops, each row from the left.

    The backward pass lies in the order of the forward pass, so that both can be compared.
    """
    times = [_time(op, backward=backward) for op in profile.ops]
    edges = [0.0, *accumulate(times)]
    scopes = _with_root(profile)
    layers = [_layer_frame(scope, scopes, edges) for scope in scopes]
    return [*layers, *(_op_frame(op, scopes, edges) for op in profile.ops)]


def _time(op: OpProfile, *, backward: bool) -> float:
    return (op.backward_time if backward else op.time).value or 0.0


def _with_root(profile: Profile) -> list[Scope]:
    """Put the model under everything, also one that is a function and so no layer."""
    root = Scope("", profile.name, 0, len(profile.ops), 0)
    inner = [scope for scope in profile.scopes if scope.path]
    if inner and min(scope.depth for scope in inner) == 0:
        inner = [Scope(one.path, one.kind, one.start, one.stop, one.depth + 1) for one in inner]
    return [root, *inner]


def _layer_frame(scope: Scope, scopes: Sequence[Scope], edges: Sequence[float]) -> Frame:
    above = [one for one in scopes if one.depth == scope.depth - 1 and one.start <= scope.start < one.stop]
    inside = scope.path.removeprefix(f"{above[0].path}.") if above else scope.path
    name = f"{inside} {scope.kind}".strip()
    width = edges[scope.stop] - edges[scope.start]
    return Frame(name, scope.path, LAYER, edges[scope.start], width, scope.depth)


def _op_frame(op: OpProfile, scopes: Sequence[Scope], edges: Sequence[float]) -> Frame:
    depth = max(scope.depth for scope in scopes if scope.start <= op.number < scope.stop) + 1
    left = edges[op.number]
    return Frame(op.op, op.layer, family_of(op.op), left, edges[op.number + 1] - left, depth, op)
