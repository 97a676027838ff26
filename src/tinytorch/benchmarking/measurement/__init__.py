"""Measuring one subject alone: individually timed calls over several fresh processes, with their tails.

An absolute latency is worth a quarter either way on a shared machine, whatever its interval says; two subjects are told
apart by `compare`.
"""

from tinytorch.benchmarking.measurement.record import Measurement
from tinytorch.benchmarking.measurement.run import measure
from tinytorch.benchmarking.measurement.sampling import Sampling
from tinytorch.benchmarking.measurement.single_calls import SingleCalls

__all__ = ["Measurement", "Sampling", "SingleCalls", "measure"]
