"""Fewer numbers in a model, or fewer that count.

Removing units and factorizing make arrays smaller. Pruning writes zeros into arrays of the same size: by itself it
saves no byte and no time, and nothing here says that it does; `sparsify` leaves the zeros out.
"""

from tinytorch.perf.compression.blocks import PRUNE_BLOCKS, remove_blocks
from tinytorch.perf.compression.distillation import KnowledgeDistillation, distil
from tinytorch.perf.compression.doors import Compressor, compress_model
from tinytorch.perf.compression.factorization import FACTORIZE, factorize, low_rank_approximate
from tinytorch.perf.compression.masks import MaskedOptimizer
from tinytorch.perf.compression.pruning import (
    PRUNE_MAGNITUDE,
    magnitude_prune,
    measure_sparsity,
    prune,
    structured_prune,
)
from tinytorch.perf.compression.schedules import ConstantSparsity, CubicSparsity
from tinytorch.perf.compression.sparse import STORE_SPARSE, SparseLinear, sparsify
from tinytorch.perf.compression.units import PRUNE_UNITS, remove_hidden_units

__all__ = [
    "FACTORIZE",
    "PRUNE_BLOCKS",
    "PRUNE_MAGNITUDE",
    "PRUNE_UNITS",
    "STORE_SPARSE",
    "Compressor",
    "ConstantSparsity",
    "CubicSparsity",
    "KnowledgeDistillation",
    "MaskedOptimizer",
    "SparseLinear",
    "compress_model",
    "distil",
    "factorize",
    "low_rank_approximate",
    "magnitude_prune",
    "measure_sparsity",
    "prune",
    "remove_blocks",
    "remove_hidden_units",
    "sparsify",
    "structured_prune",
]
