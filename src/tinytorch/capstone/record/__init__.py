"""The record of a submission: its model, its one canonical form, its versions and both of its serialisations.

Names are loaded when first used: pydantic and Protocol Buffers cost time that reading a report need not take.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinytorch.capstone.record.canonical import canonical_bytes, document_sha256
    from tinytorch.capstone.record.identity import parameter_sha256
    from tinytorch.capstone.record.migration import CURRENT, upgraded, version_of
    from tinytorch.capstone.record.packing import pack_integers, pack_labels, unpack_integers, unpack_labels
    from tinytorch.capstone.record.proto import from_proto, is_proto, to_proto
    from tinytorch.capstone.record.record import Record
    from tinytorch.capstone.record.writing import Circumstances, Measured, data_of, record_of

NAMES = {
    "canonical": ("canonical_bytes", "document_sha256"),
    "identity": ("parameter_sha256",),
    "migration": ("CURRENT", "upgraded", "version_of"),
    "packing": ("pack_integers", "pack_labels", "unpack_integers", "unpack_labels"),
    "proto": ("from_proto", "is_proto", "to_proto"),
    "record": ("Record",),
    "writing": ("Circumstances", "Measured", "data_of", "record_of"),
}
HOMES = {name: f"{__name__}.{module}" for module, names in NAMES.items() for name in names}

__all__ = [
    "CURRENT",
    "Circumstances",
    "Measured",
    "Record",
    "canonical_bytes",
    "data_of",
    "document_sha256",
    "from_proto",
    "is_proto",
    "pack_integers",
    "pack_labels",
    "parameter_sha256",
    "record_of",
    "to_proto",
    "unpack_integers",
    "unpack_labels",
    "upgraded",
    "version_of",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
