"""The ops that have a compiled twin. Adding one is a function in a file of this folder, and a line here.

A twin takes what the op's function on arrays takes, and gives what that gives: the value and one rule an input. It
serves the kinds and shapes that it is made for, and hands all others to `OPS[name].run`, which defines it. Importing
this needs no Numba; a twin compiles, or loads from disk, when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable

from tinytorch.core.ops.op import Value
from tinytorch.perf.acceleration.rectification import relu

__all__ = ["TWINS"]

TWINS: dict[str, Callable[..., Value]] = {
    "relu": relu,
}
