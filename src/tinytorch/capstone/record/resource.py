"""The machine by the names that OpenTelemetry gives to what every tool of observation asks for.

Source:
    OpenTelemetry (2025), Semantic Conventions 1.34: host, os and process resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["resource_of"]

NAMES = {
    "host.arch": "cpu_architecture",
    "host.cpu.model.name": "cpu_model",
    "os.description": "platform",
    "process.runtime.name": "python_implementation",
    "process.runtime.version": "python_version",
}
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}
SYSTEMS = {"linux": "linux", "macos": "darwin", "darwin": "darwin", "windows": "windows", "freebsd": "freebsd"}


def resource_of(system_info: Mapping[str, Any]) -> dict[str, str]:
    """Name again what the environment's record already has; what it has not is left out.

    Example:
        >>> resource_of({"platform": "Linux-6.1-x86_64", "cpu_architecture": "x86_64"})
        {'host.arch': 'amd64', 'os.description': 'Linux-6.1-x86_64', 'os.type': 'linux'}
    """
    found = {name: system_info.get(source) for name, source in NAMES.items()}
    found["host.arch"] = ARCHITECTURES.get(str(found["host.arch"]), found["host.arch"])
    first = str(system_info.get("platform", "")).partition("-")[0].lower()
    found["os.type"] = SYSTEMS.get(first)
    if isinstance(name := found["process.runtime.name"], str):
        found["process.runtime.name"] = name.lower()
    return {name: value for name, value in found.items() if isinstance(value, str) and value}
