"""Making it smaller or faster: a technique takes a model and returns a model."""

from tinytorch.perf.compilation import COMPILE, CompiledModel, compile
from tinytorch.perf.compression import (
    FACTORIZE,
    PRUNE_BLOCKS,
    PRUNE_MAGNITUDE,
    PRUNE_UNITS,
    STORE_SPARSE,
    SparseLinear,
    factorize,
    prune,
    remove_blocks,
    remove_hidden_units,
    sparsify,
)
from tinytorch.perf.costs import count_flops
from tinytorch.perf.graph import Graph, trace
from tinytorch.perf.memoization import DECODE, FastDecoder, fast_decoder
from tinytorch.perf.quantization import (
    QUANTIZE_AWARE,
    QUANTIZE_DYNAMIC,
    QUANTIZE_INT4,
    QUANTIZE_STATIC,
    QuantizedLinear,
    quantize,
    quantize_aware,
    quantize_int4,
)
from tinytorch.perf.techniques import Technique

__all__ = [
    "TECHNIQUES",
    "CompiledModel",
    "FastDecoder",
    "Graph",
    "QuantizedLinear",
    "SparseLinear",
    "Technique",
    "compile",
    "count_flops",
    "factorize",
    "fast_decoder",
    "prune",
    "quantize",
    "quantize_aware",
    "quantize_int4",
    "remove_blocks",
    "remove_hidden_units",
    "sparsify",
    "trace",
]

TECHNIQUES: dict[str, Technique] = {
    technique.name: technique
    for technique in (
        COMPILE,
        DECODE,
        FACTORIZE,
        PRUNE_BLOCKS,
        PRUNE_MAGNITUDE,
        PRUNE_UNITS,
        QUANTIZE_AWARE,
        QUANTIZE_DYNAMIC,
        QUANTIZE_INT4,
        QUANTIZE_STATIC,
        STORE_SPARSE,
    )
}
