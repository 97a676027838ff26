"""The versions that a submission was made with, as a lock that package installers read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["recorded_versions", "requirements"]

VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]*", re.ASCII)  # whatever else an installer would read as an option
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def recorded_versions(document: Mapping[str, Any]) -> dict[str, str]:
    """Give the version of every package that the record of the environment names, TinyTorch's own first.

    Args:
        document: A submission of version 2.

    Example:
        >>> system = {"numpy_version": "2.1.0"}
        >>> recorded_versions({"tinytorch_version": "0.1.0", "environment": {"system_info": system}})
        {'tinytorch': '0.1.0', 'numpy': '2.1.0'}
    """
    system = document.get("environment", {}).get("system_info", {})
    versions = system.get("versions") if isinstance(system.get("versions"), Mapping) else {}
    found = {"tinytorch": document.get("tinytorch_version"), "numpy": system.get("numpy_version")} | dict(
        versions or {}
    )
    return {name: said for name, said in found.items() if _is_version(said) and PACKAGE.fullmatch(name)}


def requirements(document: Mapping[str, Any]) -> str:
    """Write them as `pip install --requirement` reads them; the interpreter's version stands in a comment.

    Example:
        >>> print(requirements({"tinytorch_version": "0.1.0"}), end="")
        # Python: not recorded
        tinytorch==0.1.0
    """
    python = document.get("environment", {}).get("system_info", {}).get("python_version")
    said = python if _is_version(python) else "not recorded"
    versions = recorded_versions(document)
    return f"# Python: {said}\n" + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


def _is_version(said: object) -> bool:
    return isinstance(said, str) and VERSION.fullmatch(said) is not None
