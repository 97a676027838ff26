"""No file that anybody hands over is unpickled: unpickling runs what the file says."""

import ast
from pathlib import Path

import pytest

import tinytorch

SOURCES = sorted(Path(tinytorch.__file__).parent.rglob("*.py"))
UNPICKLING = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
LOADERS = {("np", "load"), ("numpy", "load"), ("torch", "load")}  # each unpickles, if asked or by default


def refuses(call):
    """Say whether a call says itself that it will not unpickle."""
    return any(said.arg == "allow_pickle" and ast.unparse(said.value) == "False" for said in call.keywords)


def unpickles(tree):
    """Name whatever in a module's source could unpickle."""
    safe = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and refuses(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in UNPICKLING)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNPICKLING:
            yield node.module
        elif isinstance(node, ast.Attribute) and node not in safe and (ast.unparse(node.value), node.attr) in LOADERS:
            yield ast.unparse(node)


def test_no_module_can_unpickle():
    """Artifacts are safetensors, records are JSON."""
    found = {path.name: said for path in SOURCES if (said := list(unpickles(ast.parse(path.read_text("utf-8")))))}
    assert (len(SOURCES) > 300, found) == (True, {})


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "x = np.load(p)",
        "np.load(p, allow_pickle=True)",
        "torch.load",
    ],
)
def test_the_check_finds_each_way(source):
    """A check that cannot fail is none."""
    assert len(list(unpickles(ast.parse(source)))) == 1
