"""The framework: what a model is. NumPy only.

`tensor` is loaded first, always: the ops below it make tensors.
"""

from tinytorch.core import tensor

__all__ = ["tensor"]
