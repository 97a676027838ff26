"""Saved models: which files are known, by their ending, and which factory makes a workload of each.

Another kind of file is one line here, and a factory in `adapters/` that takes `path`.
"""

from __future__ import annotations

__all__ = ["SAVED"]

SAVED: dict[str, str] = {".safetensors": "tinytorch.benchmarking.adapters.tinytorch_files:workload"}
