"""Small whole numbers for weights: int8 in memory, in the file and in the arithmetic.

`quantize` is the technique: it takes a model and returns another whose layers are of bytes. The functions of whole
tensors (`quantize_int8`) and those that change a model in place are doors for code that knows them.
"""

from tinytorch.core.tensor import BYTES_PER_FLOAT32, MB_TO_BYTES
from tinytorch.perf.quantization.claims import QUANTIZE_AWARE, QUANTIZE_DYNAMIC, QUANTIZE_INT4, QUANTIZE_STATIC
from tinytorch.perf.quantization.convolution import QuantizedConv2d
from tinytorch.perf.quantization.doors import BYTES_PER_INT8, Quantizer, compare_model_sizes, quantize_model
from tinytorch.perf.quantization.embeddings import QuantizedEmbedding, QuantizedHead
from tinytorch.perf.quantization.layers import INT8_MAX_VALUE, QuantizedLinear
from tinytorch.perf.quantization.models import fold_normalization, quantize
from tinytorch.perf.quantization.nibbles import Int4Embedding, Int4Head, Int4Linear, quantize_int4
from tinytorch.perf.quantization.rehearsal import Rehearsed, perform, quantize_aware, rehearse
from tinytorch.perf.quantization.tensors import EPSILON, INT8_MIN_VALUE, INT8_RANGE, dequantize_int8, quantize_int8

__all__ = [
    "BYTES_PER_FLOAT32",
    "BYTES_PER_INT8",
    "EPSILON",
    "INT8_MAX_VALUE",
    "INT8_MIN_VALUE",
    "INT8_RANGE",
    "MB_TO_BYTES",
    "QUANTIZE_AWARE",
    "QUANTIZE_DYNAMIC",
    "QUANTIZE_INT4",
    "QUANTIZE_STATIC",
    "Int4Embedding",
    "Int4Head",
    "Int4Linear",
    "QuantizedConv2d",
    "QuantizedEmbedding",
    "QuantizedHead",
    "QuantizedLinear",
    "Quantizer",
    "Rehearsed",
    "compare_model_sizes",
    "dequantize_int8",
    "fold_normalization",
    "perform",
    "quantize",
    "quantize_aware",
    "quantize_int4",
    "quantize_int8",
    "quantize_model",
    "rehearse",
]
