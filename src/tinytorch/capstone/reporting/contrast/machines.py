"""Whether two records were made on machines whose times can be set beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinytorch.capstone.reporting.markup import shown
from tinytorch.capstone.reporting.reading import Reading

__all__ = ["Machines", "machines_of"]

LONGEST = 80
Read = Callable[[Reading], Any]


def _system(name: str) -> Read:
    return lambda reading: reading.document["environment"]["system_info"].get(name)


def _resource(name: str, classic: str) -> Read:
    def read(reading: Reading) -> Any:
        found = (reading.document["environment"].get("resource") or {}).get(name)
        return found or reading.document["environment"]["system_info"].get(classic)

    return read


def _cores(reading: Reading) -> Any:
    affinity = _system("cpu_affinity")(reading)
    return len(affinity) if isinstance(affinity, list) else _system("logical_cores")(reading)


def _library(reading: Reading) -> Any:
    found = _system("blas")(reading)
    first = found[0] if isinstance(found, list) and found else None
    return (
        " ".join(str(first.get(name)) for name in ("internal_api", "version")) if isinstance(first, Mapping) else None
    )


# What a machine is known by: without any of these nobody can say that two are alike.
IDENTITY: dict[str, Read] = {
    "processor": _resource("host.cpu.model.name", "cpu_model"),
    "architecture": _resource("host.arch", "cpu_architecture"),
    "cores": _cores,
}
LIMITS: dict[str, Read] = {
    "hypervisor": _system("hypervisor"),
    "processors of the control group": _system("cgroup_cpus"),
    "frequency governor": _system("cpu_governor"),
    "two threads a core": _system("smt_is_on"),
    "threads of the matrix library": lambda reading: reading.part("protocol").get("blas_threads"),
}
SOFTWARE: dict[str, Read] = {
    "system": _system("platform"),
    "Python": _system("python_version"),
    "NumPy": _system("numpy_version"),
    "matrix library": _library,
    "TinyTorch": lambda reading: reading.document["tinytorch_version"],
}


@dataclass(frozen=True, slots=True)
class Machines:
    """How two machines differ.

    Attributes:
        unlike: What differs between them, in words; empty where nothing that is recorded does.
        unknown: What at least one of them does not say, though it is known by that.
        software: What differs between the software on them.
    """

    unlike: tuple[str, ...]
    unknown: tuple[str, ...]
    software: tuple[str, ...]

    @property
    def are_alike(self) -> bool:
        """Whether times measured on them can be compared."""
        return not self.unlike and not self.unknown

    def reason(self) -> str:
        """Say why times cannot be compared; nothing where they can."""
        found = [*self.unlike, *(f"the {name} is not recorded" for name in self.unknown)]
        return f"the machines are not alike ({'; '.join(found)})" if found else ""


def machines_of(first: Reading, second: Reading) -> Machines:
    """Compare what two records say of their machines."""
    unknown = [name for name, read in IDENTITY.items() if None in {read(first), read(second)}]
    known = {name: read for name, read in (IDENTITY | LIMITS).items() if name not in unknown}
    unlike, software = _differences(known, first, second), _differences(SOFTWARE, first, second)
    return Machines(unlike, tuple(unknown), software)


def _differences(reads: Mapping[str, Read], first: Reading, second: Reading) -> tuple[str, ...]:
    pairs = [(name, read(first), read(second)) for name, read in reads.items()]
    return tuple(f"{name}: {_word(a)} and {_word(b)}" for name, a, b in pairs if a != b)


def _word(value: Any) -> str:
    return "not recorded" if value is None else shown(value, LONGEST)
