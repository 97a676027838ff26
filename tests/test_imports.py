"""What `import tinytorch` costs, in modules."""

import subprocess
import sys

import pytest

HEAVY = {"scipy", "rich", "psutil", "jsonschema_rs", "torch", "threadpoolctl"}


@pytest.mark.parametrize("statement", ["import tinytorch", "from tinytorch import Tensor, Linear, Adam"])
def test_the_framework_loads_numpy_and_nothing_heavy(statement):
    """The everyday names cost NumPy, not the tools of measuring and printing."""
    probe = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
