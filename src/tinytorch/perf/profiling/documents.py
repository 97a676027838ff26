"""A profile as a JSON document: the raw samples, and what follows from them, with units in the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tinytorch.perf.profiling.medians import CONFIDENCE, Median

if TYPE_CHECKING:
    from tinytorch.perf.profiling.report import OpProfile, Profile
    from tinytorch.perf.profiling.turns import Span

__all__ = ["FORMAT", "document"]

FORMAT = "tinytorch.profile.v1"


def document(profile: Profile) -> dict[str, Any]:
    """Lay out a profile."""
    whole = profile.whole
    return {
        "format": FORMAT,
        "name": profile.name,
        "input_shapes": [list(shape) for shape in profile.inputs],
        "rounds": profile.rounds,
        "confidence": CONFIDENCE,
        "parameters": profile.parameters,
        "stored_bytes": profile.stored_bytes,
        "peak_bytes": whole.allocation.peak,
        "flops": profile.cost.flops,
        "bytes_moved": profile.cost.bytes_moved,
        "backward_flops": profile.backward_flops,
        "forward_ns": _timed(profile.time, whole.forward),
        "recorded_forward_ns": _timed(profile.recorded_time, whole.recorded),
        "backward_ns": _timed(profile.backward_time, whole.backward),
        "between_ops_share": asdict(profile.between_ops()),
        "between_rules_share": asdict(profile.between_rules()),
        "ops": [_op(profile, op) for op in profile.ops],
        "layers": [asdict(scope) for scope in profile.scopes],
        "roofs": [
            {"name": roof.name, "kind": roof.kind, "amount": roof.amount, "per_ns": asdict(roof.rate)}
            | {"durations_ns": [duration for _, duration in roof.spans]}
            for roof in profile.roofs
        ],
        "conditions": dict(profile.conditions),
        "notes": list(profile.notes),
    }


def _op(profile: Profile, op: OpProfile) -> dict[str, Any]:
    return {
        "number": op.number,
        "op": op.op,
        "layer": op.layer,
        "input_shapes": [list(shape) for shape in op.inputs],
        "shape": list(op.shape),
        "parameters": op.parameters,
        "flops": op.cost.flops,
        "bytes_read": op.cost.bytes_read,
        "bytes_written": op.cost.bytes_written,
        "backward_flops": op.backward_flops,
        "allocated_bytes": op.allocation.kept,
        "peak_bytes": op.allocation.peak,
        "forward_ns": _timed(op.time, op.forward),
        "backward_ns": _timed(op.backward_time, op.backward),
        "bound": profile.bound(op),
        "share_of_roof": asdict(profile.share_of_roof(op)),
    }


def _timed(found: Median, spans: Sequence[Span]) -> dict[str, Any] | None:
    if not spans:
        return None
    return asdict(found) | {"durations": [duration for _, duration in spans]}
