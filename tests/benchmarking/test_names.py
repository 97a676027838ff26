"""The names of this floor: each is there, and none is loaded before it is used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tinytorch import benchmarking


@pytest.mark.parametrize("name", benchmarking.__all__)
def test_a_name_is_the_one_of_its_module(name):
    """And its module lists it."""
    home = import_module(benchmarking.HOMES[name])
    assert getattr(benchmarking, name) is getattr(home, name)
    assert name in home.__all__


def test_the_lists_of_names_agree():
    """For readers, for type checkers, and for `dir`."""
    tree = ast.parse(Path(benchmarking.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(benchmarking.HOMES) == set(benchmarking.__all__)
    assert set(benchmarking.HOMES) <= set(dir(benchmarking))


def test_the_names_of_the_contract_are_there():
    """As users import them."""
    names = "Benchmark BenchmarkResult BenchmarkSuite OlympicEvent TinyMLPerf compare_optimization_techniques"
    assert {*names.split(), "precise_timer"} <= set(benchmarking.__all__)


def test_an_unknown_name_is_refused():
    """With the name."""
    with pytest.raises(AttributeError, match="no attribute 'Benchmrk'"):
        _ = benchmarking.Benchmrk


def test_importing_the_floor_loads_nothing_heavy():
    """SciPy, psutil and matplotlib wait until a number needs them, and the framework until a model of it shows up."""
    probe = "import sys, tinytorch.benchmarking; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    heavy = {"scipy", "psutil", "matplotlib", "threadpoolctl", "torch", "rich"}
    assert set(done.stdout.split()) & heavy == set()


def test_the_doors_load_no_framework():
    """A benchmark of models of one framework does not import the others."""
    probe = "import sys; from tinytorch.benchmarking import Benchmark, TinyMLPerf; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert {"torch", "tinytorch.core.tensor", "matplotlib"} & set(done.stdout.split()) == set()
