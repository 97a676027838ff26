"""Kernels: what is compiled by Numba where it is there, each beside the NumPy twin that defines it.

`forms` says which form of a kernel this machine can run; `dense` and `int8` hold the twins, the packing of weights and
the doors to the compiled code; `arrays` writes any op's result into memory that is there already.
"""

from tinytorch.perf.kernels.forms import FORMS, VARIABLE, form, has_numba

__all__ = ["FORMS", "VARIABLE", "form", "has_numba"]
