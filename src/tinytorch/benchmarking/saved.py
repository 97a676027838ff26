"""Saved models: which files are known, and which factory makes a workload of each."""

from __future__ import annotations

__all__ = ["SAVED"]

SAVED: dict[str, str] = {}
