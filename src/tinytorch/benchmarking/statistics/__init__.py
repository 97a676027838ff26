"""Pure statistics, from samples to estimates to ratios to verdicts: no clock, no machine, no process, no randomness.

Input is refused where it is empty, not finite, or of the wrong size. What the data do not tell is none, and says why.
"""

from tinytorch.benchmarking.statistics.apart import sequential_ratio, speedup_change
from tinytorch.benchmarking.statistics.drift import HostSlope, coefficient_of_variation, host_slope, normalized
from tinytorch.benchmarking.statistics.estimates import (
    CONFIDENCE,
    Estimate,
    Samples,
    batch_means,
    mean,
    sample_std,
    sign_interval,
    t_interval,
    throughput,
    throughput_interval,
)
from tinytorch.benchmarking.statistics.gates import Gate, Passage, gate, gates
from tinytorch.benchmarking.statistics.outliers import Cleaned, clean, in_either
from tinytorch.benchmarking.statistics.proportions import (
    NonInferiority,
    Side,
    Standing,
    clopper_pearson,
    mcnemar,
    non_inferiority,
    paired_difference,
    wilson,
)
from tinytorch.benchmarking.statistics.quantiles import fewest_samples, percentile, percentile_of_sessions
from tinytorch.benchmarking.statistics.rates import RateVerdict, littles_law_gap, rate_verdict
from tinytorch.benchmarking.statistics.ratios import (
    Ratio,
    autocorrelation,
    block_size,
    blocked,
    paired_p_value,
    paired_ratio,
)
from tinytorch.benchmarking.statistics.regimes import Mode, Regimes, Shape, find_regimes
from tinytorch.benchmarking.statistics.sequential import AnytimeSignTest, FixedLooks
from tinytorch.benchmarking.statistics.steady import SteadyState, never_settle, steady_state
from tinytorch.benchmarking.statistics.verdicts import Outcome, Verdict, holm, judge, judge_ratios

__all__ = [
    "CONFIDENCE",
    "AnytimeSignTest",
    "Cleaned",
    "Estimate",
    "FixedLooks",
    "Gate",
    "HostSlope",
    "Mode",
    "NonInferiority",
    "Outcome",
    "Passage",
    "RateVerdict",
    "Ratio",
    "Regimes",
    "Samples",
    "Shape",
    "Side",
    "Standing",
    "SteadyState",
    "Verdict",
    "autocorrelation",
    "batch_means",
    "block_size",
    "blocked",
    "clean",
    "clopper_pearson",
    "coefficient_of_variation",
    "fewest_samples",
    "find_regimes",
    "gate",
    "gates",
    "holm",
    "host_slope",
    "in_either",
    "judge",
    "judge_ratios",
    "littles_law_gap",
    "mcnemar",
    "mean",
    "never_settle",
    "non_inferiority",
    "normalized",
    "paired_difference",
    "paired_p_value",
    "paired_ratio",
    "percentile",
    "percentile_of_sessions",
    "rate_verdict",
    "sample_std",
    "sequential_ratio",
    "sign_interval",
    "speedup_change",
    "steady_state",
    "t_interval",
    "throughput",
    "throughput_interval",
    "wilson",
]
