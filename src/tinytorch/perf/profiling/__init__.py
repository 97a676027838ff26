"""Profiling: parameters, arithmetic, time and memory of a model, op by op, beside what the machine can do at best.

`profile` looks into a model: each op has its turn in each round, with the whole model, a training step and the roofs.
`Profiler` measures a model as a whole. Time is passed in: nothing here reads a clock that it was not given.
"""

from tinytorch.perf.profiling.capture import Conditions, profile
from tinytorch.perf.profiling.medians import Median, median
from tinytorch.perf.profiling.profiler import Profiler, quick_profile
from tinytorch.perf.profiling.report import OpProfile, Profile
from tinytorch.perf.profiling.roofs import RoofSizes
from tinytorch.perf.profiling.turns import Rounds
from tinytorch.perf.profiling.weights import analyze_weight_distribution

__all__ = [
    "Conditions",
    "Median",
    "OpProfile",
    "Profile",
    "Profiler",
    "RoofSizes",
    "Rounds",
    "analyze_weight_distribution",
    "median",
    "profile",
    "quick_profile",
]
