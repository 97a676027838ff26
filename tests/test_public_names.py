"""The names that users import: each is there, each is listed, each says what it is."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import tinytorch

ROOT = Path(tinytorch.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
MODULES = [
    ".".join(("tinytorch", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in SOURCES
    if path.stem != "__main__"
]


@pytest.mark.parametrize("name", [name for name in tinytorch.__all__ if name != "__version__"])
def test_an_everyday_name_is_the_one_of_its_module(name):
    home = import_module(tinytorch.HOMES[name])
    assert getattr(tinytorch, name) is getattr(home, name)
    assert name in home.__all__


def test_the_lists_of_everyday_names_agree():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(tinytorch.HOMES) == set(tinytorch.__all__) - {"__version__"}
    assert set(tinytorch.HOMES) <= set(dir(tinytorch))


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Tensr'"):
        _ = tinytorch.Tensr


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_lists_is_there_and_documented(module):
    loaded = import_module(module)
    assert loaded.__doc__, f"{module} says nothing about itself"
    for name in getattr(loaded, "__all__", ()):
        value = getattr(loaded, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module}.{name} has no docstring"
