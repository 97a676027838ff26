"""What a worker starts with: threads pinned, a fresh hash seed, an environment block of random length, kin."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinytorch.benchmarking.workers.kin import Kin

__all__ = ["Conditions", "environment_of"]

THREAD_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
PADDING = "TINYTORCH_PADDING"
LONGEST_PADDING = 4096
OTHER_ENVIRONMENT = ("VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What differs from session to session on purpose, and what does not.

    The hash seed decides the order of sets, the padding shifts the stack: both move the speed of a whole process, so
    that a comparison with one of each would measure them. All workers of a session have the same, so that they do not
    differ by it.

    Attributes:
        hash_seed: Python's, in [0, 2**32).
        padding: Bytes in the environment that mean nothing.
        threads: How many threads the matrix libraries may use; none leaves them alone.
        kin: What a worker may be forked from, together with the others of its session.

    Source:
        T. Mytkowicz, A. Diwan, M. Hauswirth, P. F. Sweeney (2009), Producing Wrong Data Without Doing Anything
        Obviously Wrong.
    """

    hash_seed: int = 0
    padding: int = 0
    threads: int | None = 1
    kin: Kin | None = field(default=None, compare=False, repr=False)

    @classmethod
    def drawn(cls, chance: random.Random, threads: int | None = 1, kin: Kin | None = None) -> Conditions:
        """Draw conditions.

        Example:
            >>> Conditions.drawn(random.Random(1)) == Conditions.drawn(random.Random(1))
            True
        """
        return cls(chance.randrange(2**32), chance.randrange(LONGEST_PADDING), threads, kin)


def environment_of(conditions: Conditions, *, foreign: bool, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Make a worker's environment variables.

    Args:
        conditions: What they carry.
        foreign: Whether another interpreter runs it: then nothing that points this one to its modules goes along.
        base: What to start from.

    Example:
        >>> environment_of(Conditions(7, 3), foreign=True, base={"PYTHONPATH": "src"})["PYTHONHASHSEED"]
        '7'
    """
    inherited = {name: value for name, value in base.items() if not (foreign and _is_ours(name))}
    threads = {} if conditions.threads is None else dict.fromkeys(THREAD_VARIABLES, str(conditions.threads))
    own = {"PYTHONHASHSEED": str(conditions.hash_seed), PADDING: "x" * conditions.padding}
    return inherited | threads | own


def _is_ours(name: str) -> bool:
    return name.startswith("PYTHON") or name in OTHER_ENVIRONMENT
