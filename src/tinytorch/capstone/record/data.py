"""What was asked: the data that the models were judged on, and the protocol of the measurement."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from tinytorch.capstone.record.fields import WHOLE, Absent, Count, CountOrZero, Digest, Part, Rule, Text
from tinytorch.capstone.record.packing import BITS, DELTAS, MOST

__all__ = ["Dataset", "Packed", "Protocol"]

PackedCount = Annotated[int, Ge(0), Le(MOST), WHOLE, Rule("a whole number from 0 to 10,000,000")]
Margin = Annotated[float, Gt(0), Lt(1), Rule("a share in (0, 1)", "Divide percentages by 100.")]


class Packed(Part):
    """Integers as text; `tinytorch.capstone.record` packs and unpacks them, and its page says how by hand."""

    encoding: Annotated[Literal["delta-varint+zlib+base64", "bits+zlib+base64"], Rule(f"{DELTAS!r} or {BITS!r}")]
    """How: differences for times, bits for classes."""
    count: PackedCount
    """How many integers there are."""
    data: Annotated[str, Rule("text in base64")]
    """Base64 of the bytes that zlib compressed."""


class Dataset(Part):
    """The data, so that another reader can have the same."""

    name: Text
    """What the data set is called."""
    version: Absent[Text] = None
    """Which edition of it."""
    split: Absent[Text] = None
    """Which part the models were judged on, such as test."""
    split_seed: Absent[CountOrZero] = None
    """What the split follows from."""
    sha256: Absent[Digest] = None
    """The hash of the file that the data was read from."""
    sample_count: Absent[Count] = None
    """Samples that the models were judged on."""
    class_count: Absent[Count] = None
    """Classes that there are."""
    labels: Absent[Packed] = None
    """Measured: the right class of each of these samples, in order."""


class Protocol(Part):
    """How it was measured: with it and the data, the measurement can be made again."""

    preset: Absent[Text] = None
    """How much was measured: quick, standard or rigorous, or own for another design."""
    seed: Absent[CountOrZero] = None
    """What weights, orders and paddings follow from."""
    timing_protocol: Absent[Text] = None
    """Alone, or interleaved with the other model."""
    blas_threads: Count | None = None
    """Measured: the threads that the matrix library had while timing; null if there is none to ask."""
    warmup_count: Absent[CountOrZero] = None
    """Measured: inferences of each model before and between the timed ones, the first included."""
    batch_size: Absent[Count] = None
    """Samples in one batch of `batch_nanoseconds`."""
    accuracy_margin: Absent[Margin] = None
    """The loss of accuracy that still counts as none, as a share."""
    seeds: Absent[Annotated[dict[str, CountOrZero], Rule("an object of whole numbers")]] = None
    """Other seeds, by what follows from each."""
    command: Absent[Annotated[list[Annotated[str, Rule("a text")]], Rule("a list of texts")]] = None
    """The command line that made this record, a word an element."""
