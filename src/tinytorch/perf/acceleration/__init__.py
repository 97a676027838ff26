"""Acceleration: ops of the framework, training included, by compiled kernels.

`accelerate()` is the switch. `twins` lists the ops that have a compiled twin; each serves float32 arrays of the usual
shapes, and hands all others to the NumPy function that defines the op.
"""

from tinytorch.perf.acceleration.switch import Acceleration, accelerate
from tinytorch.perf.acceleration.twins import TWINS

__all__ = ["TWINS", "Acceleration", "accelerate"]
