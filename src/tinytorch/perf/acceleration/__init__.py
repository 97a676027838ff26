"""Acceleration: ops of the framework, training included, by compiled kernels.

`accelerate()` is the switch. `TWINS` lists the ops that have a compiled twin, `UPDATE_TWINS` the steps of optimizers;
each serves float32 arrays of the usual shapes, and hands all others to the NumPy function that defines it. The
functions `vectorized_matmul`, `tiled_matmul` and `fused_gelu` show single techniques.
"""

from tinytorch.core.tensor import BYTES_PER_FLOAT32
from tinytorch.perf.acceleration.curves import fused_gelu, unfused_gelu
from tinytorch.perf.acceleration.memory import keep_memory
from tinytorch.perf.acceleration.products import Accelerator, tiled_matmul, vectorized_matmul
from tinytorch.perf.acceleration.switch import Acceleration, accelerate
from tinytorch.perf.acceleration.twins import TWINS, UPDATE_TWINS

__all__ = [
    "BYTES_PER_FLOAT32",
    "DEFAULT_TIMING_ITERATIONS",
    "DEFAULT_WARMUP_ITERATIONS",
    "TWINS",
    "UPDATE_TWINS",
    "Acceleration",
    "Accelerator",
    "accelerate",
    "fused_gelu",
    "keep_memory",
    "tiled_matmul",
    "unfused_gelu",
    "vectorized_matmul",
]

DEFAULT_WARMUP_ITERATIONS = 2
DEFAULT_TIMING_ITERATIONS = 5
