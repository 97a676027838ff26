"""Do the tests notice? Every comparison, sign, constant and condition is changed, one at a time, and the tests run.

python -m benchmarks.mutants [statistics ...] [--source FILE --tests PATH] [--most N] [--output mutants.json]

A mutant is killed if any test fails, or takes too long. Each runs in a forked child of a process that has collected the
tests: there the functions get the mutant's code. What runs at import (constants, defaults) takes a child that imports
anew. The file on disk is never touched. Survivors are listed with the reason, where `survivors.json` has one: a mutant
that no test can tell from the original, or that no promise is broken by.
"""

import argparse
import ast
import copy
import importlib
import importlib.machinery
import inspect
import json
import os
import resource
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REASONS = Path(__file__).with_name("survivors.json")
SECONDS = 60
SMOKE = 6

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor", "floor": "ceil"}


@dataclass(frozen=True)
class Target:
    """Sources to mutate, and the tests that should notice.

    Attributes:
        sources: Patterns of files, from the repository's root.
        tests: Files or folders of tests; that which has a source's name runs first.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: From the repository's root, where it lies there.
        line: Where the expression begins.
        function: What it stands in.
        change: The expression before and after.
        at_import: Whether it runs when the module is imported, and not when the function is called.
        place: The index of the expression, and of the change among those that can be done to it.
    """

    file: str
    line: int
    function: str
    change: str
    at_import: bool
    place: tuple[int, int]

    def tree(self) -> ast.Module:
        """Make the syntax tree with the change in it."""
        tree = ast.parse((ROOT / self.file).read_text())
        expression, index = self.place
        node = _places(tree)[expression][0]
        _changes(node)[index](node)
        return ast.fix_missing_locations(tree)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    file: str
    line: int
    function: str
    change: str
    killed: bool
    reason: str | None


TARGETS = {
    "statistics": Target(
        ("src/tinytorch/benchmarking/statistics/*.py",),
        ("tests/benchmarking/statistics",),
    ),
    "rules": Target(
        tuple(f"src/tinytorch/capstone/rules/{name}.py" for name in ("first", "closeness", "dates")),
        tuple(f"tests/capstone/test_{name}.py" for name in ("validation", "tampering", "submission")),
    ),
    "rules-second": Target(
        tuple(f"src/tinytorch/capstone/rules/{name}.py" for name in ("samples", "metrics", "pairs", "surroundings")),
        tuple(f"tests/capstone/rules/test_{name}.py" for name in ("rules", "whole_tampering")),
    ),
    "rules-files": Target(("src/tinytorch/capstone/rules/artifacts.py",), ("tests/capstone/rules/test_artifacts.py",)),
    "intake": Target(
        tuple(f"src/tinytorch/capstone/{name}.py" for name in ("intake", "documents", "structure", "validation")),
        tuple(f"tests/capstone/test_{name}.py" for name in ("intake", "validation", "submission")),
    ),
}


def main() -> int:
    """Mutate the targets, print every survivor and the share killed, and keep them."""
    given = _parser().parse_args()
    targets = (
        [Target(tuple(given.source), tuple(given.tests))]
        if given.source
        else [TARGETS[name] for name in given.targets or TARGETS]
    )
    outcomes = [outcome for target in targets for outcome in try_all(target, given.most)]
    found = summary(outcomes)
    for outcome in found["survivors"]:
        print("survived: {file}:{line} {function}: {change}  ({reason})".format(**outcome))
    print(f"{found['killed']} of {found['mutants']} mutants killed: {found['share']:.1%}")
    if given.output:
        given.output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help=f"which to mutate, of {', '.join(TARGETS)}; all if none is named")
    parser.add_argument("--source", nargs="+", default=[], help="patterns of files to mutate instead")
    parser.add_argument("--tests", nargs="+", default=[], help="the tests of these")
    parser.add_argument("--most", type=int, help="no more mutants than that, spread over the files")
    parser.add_argument("--smoke", dest="most", action="store_const", const=SMOKE, help=f"the same as --most {SMOKE}")
    parser.add_argument("--output", type=Path)
    return parser


def summary(outcomes: list[Outcome]) -> dict:
    """Count, and list what survived."""
    killed = sum(outcome.killed for outcome in outcomes)
    survivors = [asdict(outcome) for outcome in outcomes if not outcome.killed]
    return {
        "mutants": len(outcomes),
        "killed": killed,
        "share": killed / len(outcomes) if outcomes else 0.0,
        "justified": sum(survivor["reason"] is not None for survivor in survivors),
        "survivors": survivors,
    }


def try_all(target: Target, most: int | None = None) -> list[Outcome]:
    """Try every mutant of a target, or `most` of them at equal distances.

    Raises:
        RuntimeError: If the tests fail without any mutant: then nothing could be told.
    """
    mutants = [mutant for path in _files(target) for mutant in mutants_of(path)]
    if most is not None:
        mutants = mutants[:: max(len(mutants) // most, 1)][:most]
    killed = _killed_anew(mutants, target.tests) | _killed_in_place(mutants, target.tests)
    reasons = json.loads(REASONS.read_text()) if REASONS.exists() else []
    return [_outcome(mutant, index in killed, reasons) for index, mutant in enumerate(mutants)]


def _killed_anew(mutants: list[Mutant], tests: tuple[str, ...]) -> set[int]:
    """Try what runs at import: each in a child that imports everything with the mutant in it."""
    if not _succeeds(lambda: _run_anew(None, tests)):
        message = f"the tests {' '.join(tests)} fail as they are"
        raise RuntimeError(message)
    return {
        index
        for index, mutant in enumerate(mutants)
        if mutant.at_import and not _succeeds(lambda mutant=mutant: _run_anew(mutant, tests))
    }


def _killed_in_place(mutants: list[Mutant], tests: tuple[str, ...]) -> set[int]:
    """Try what runs in functions: tests are collected once, and each child of that process gets a mutant's code."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _quiet_pytest(tests, [Trials(mutants, writer)])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        killed = {int(line) for line in lines}
    os.waitpid(child, 0)
    return killed


class Trials:
    """A plugin that runs, in place of the tests, a child with the tests for every mutant, and writes which it kills."""

    def __init__(self, mutants: list[Mutant], writer: int) -> None:
        self.mutants, self.writer = mutants, writer

    def pytest_runtestloop(self, session: object) -> bool:
        """Take the place of pytest's own loop."""
        for index, mutant in enumerate(self.mutants):
            if not mutant.at_import and not _succeeds(lambda mutant=mutant: _run_in_place(mutant, session)):
                os.write(self.writer, f"{index}\n".encode())
        return True


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Make every mutant of a file."""
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    for expression, (node, function, at_import) in enumerate(_places(ast.parse(path.read_text()))):
        for index, change in enumerate(_changes(node)):
            changed = copy.deepcopy(node)
            change(changed)
            text = f"{ast.unparse(node)} → {ast.unparse(changed)}"
            yield Mutant(name, node.lineno, function, text, at_import, (expression, index))


def _files(target: Target) -> list[Path]:
    return sorted(path for pattern in target.sources for path in ROOT.glob(pattern) if path.name != "__init__.py")


def _places(tree: ast.Module) -> list[tuple[ast.expr, str, bool]]:
    """List every expression that computes, the function it stands in, and whether it runs at import."""
    found: list[tuple[ast.expr, str, bool]] = []

    def visit(node: ast.AST, function: str, *, at_import: bool) -> None:
        if isinstance(node, ast.expr):
            found.append((node, function, at_import))
        is_function = isinstance(node, ast.FunctionDef)
        inner = node.name if is_function or isinstance(node, ast.ClassDef) else function
        for field, value in ast.iter_fields(node):
            if field in {"annotation", "returns", "decorator_list"}:
                continue
            later = is_function and field == "body"
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_declaration(child):
                    visit(child, inner, at_import=at_import and not later)

    visit(tree, "module", at_import=True)
    return found


def _is_declaration(node: ast.AST) -> bool:
    """Say whether a statement names things rather than computes: a docstring, an import, `__all__`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _changes(node: ast.expr) -> list[Callable[[ast.expr], None]]:
    """List what can be done to an expression, in place."""
    if isinstance(node, ast.Compare):
        return [_swapped_comparison(index) for index, op in enumerate(node.ops) if type(op) in COMPARISONS]
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_text(node):
        return [lambda place: setattr(place, "op", ARITHMETIC[type(place.op)]())]
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        return [lambda place: setattr(place, "op", other())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        return [_drop_sign]
    if isinstance(node, ast.Constant):
        return _other_constants(node.value)
    return [_rename] if _called_name(node) in NAMES else []


def _swapped_comparison(index: int) -> Callable[[ast.expr], None]:
    def change(place: ast.expr) -> None:
        place.ops[index] = COMPARISONS[type(place.ops[index])]()

    return change


def _drop_sign(place: ast.expr) -> None:
    """Turn `-x` into `+x`, and `not x` into `not not x`."""
    if isinstance(place.op, ast.USub):
        place.op = ast.UAdd()
    else:
        place.operand = ast.UnaryOp(ast.Not(), place.operand)


def _other_constants(value: object) -> list[Callable[[ast.expr], None]]:
    if isinstance(value, bool):
        return [lambda place: setattr(place, "value", not value)]
    if isinstance(value, int | float):
        return [lambda place: setattr(place, "value", value + 1)]
    return []


def _called_name(node: ast.expr) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)


def _rename(place: ast.expr) -> None:
    if isinstance(place.func, ast.Name):
        place.func.id = NAMES[place.func.id]
    else:
        place.func.attr = NAMES[place.func.attr]


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(side, ast.JoinedStr | ast.Constant) and _holds_text(side) for side in sides)


def _holds_text(side: ast.expr) -> bool:
    return isinstance(side, ast.JoinedStr) or isinstance(side.value, str)


def _outcome(mutant: Mutant, killed: bool, reasons: list[dict]) -> Outcome:
    reason = None if killed else _reason(mutant, reasons)
    return Outcome(mutant.file, mutant.line, mutant.function, mutant.change, killed, reason)


def _reason(mutant: Mutant, reasons: list[dict]) -> str | None:
    for known in reasons:
        same = mutant.file.endswith(known["file"]) and known["function"] == mutant.function
        if same and mutant.change in known["changes"]:
            return known["reason"]
    return None


def _succeeds(run: Callable[[], bool]) -> bool:
    """Run a function in a child with a limit of processor time, and say whether it gave true."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os._exit(0 if run() else 1)
    return os.waitpid(child, 0)[1] == 0


def _run_anew(mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    if mutant is not None:
        _install(mutant)
        tests = (*_near(mutant.file, tests), *tests)
    return _quiet_pytest(tests) == 0


def _run_in_place(mutant: Mutant, session) -> bool:
    import _pytest.main

    patch(mutant)
    name = f"test_{Path(mutant.file).name}"
    session.items.sort(key=lambda item: item.path.name != name)  # the likeliest to notice come first
    try:
        _pytest.main.pytest_runtestloop(session)
    except session.Failed:
        return False
    return session.testsfailed == 0


def _near(file: str, tests: tuple[str, ...]) -> list[str]:
    name = f"test_{Path(file).name}"
    return [str(path.relative_to(ROOT)) for test in tests for path in (ROOT / test).rglob(name) if path.is_file()]


def _quiet_pytest(tests: tuple[str, ...], plugins: list[object] | None = None) -> int:
    import pytest

    os.chdir(ROOT)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=plugins))


def _install(mutant: Mutant) -> None:
    """Let the import of the mutant's file give its tree."""
    path, code = str(ROOT / mutant.file), _compiled(mutant)
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader, fullname):
        return code if loader.path == path else original(loader, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code


def patch(mutant: Mutant) -> None:
    """Give the functions of a module that is loaded the mutant's code, and forget what they remember."""
    path = str(ROOT / mutant.file)
    module = next(each for each in list(sys.modules.values()) if getattr(each, "__file__", None) == path)
    codes = {code.co_qualname: code for code in _codes(_compiled(mutant))}
    for value in list(vars(module).values()):
        for function in _functions(value):
            if function.__module__ == module.__name__ and function.__qualname__ in codes:
                function.__code__ = codes[function.__qualname__]
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def _compiled(mutant: Mutant) -> types.CodeType:
    return compile(mutant.tree(), str(ROOT / mutant.file), "exec")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Go through the code of every function and class of a module; what stands inside a function comes with it."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _functions(value: object) -> Iterator[types.FunctionType]:
    """Find the functions behind a module's name: itself, what a decorator wraps, the methods of a class."""
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, types.FunctionType):
        yield value
    elif isinstance(value, type):
        for member in vars(value).values():
            if isinstance(member, property):
                yield member.fget
            elif isinstance(member, types.FunctionType):
                yield member


def preload() -> None:
    """Import what every child needs and no mutant changes, once."""
    for name in ("numpy", "pytest", "scipy.optimize", "scipy.special", "scipy.stats"):
        importlib.import_module(name)


if __name__ == "__main__":
    preload()
    sys.exit(main())
