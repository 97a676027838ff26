"""The matrix library under the name it has among the tools of measuring; `tinytorch.quiet` asks it."""

from tinytorch.quiet import blas_pools, pinned_blas

__all__ = ["blas_pools", "pinned_blas"]
