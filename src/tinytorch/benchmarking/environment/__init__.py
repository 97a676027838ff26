"""The machine a measurement was made on: a record of what it is, and counters of what disturbs it."""

from tinytorch.benchmarking.environment.counters import MachineCounters, machine_counters
from tinytorch.benchmarking.environment.record import ENTRIES, collect_environment

__all__ = ["ENTRIES", "MachineCounters", "collect_environment", "machine_counters"]
