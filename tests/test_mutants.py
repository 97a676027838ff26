"""The mutation runner: which changes it makes, and that it tells what tests notice from what they do not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutants

ROOT = Path(__file__).resolve().parent.parent
SOURCE = '''
"""A docstring with 1 number."""

__all__ = ["f"]
LIMIT = 3


def f(x: int = 0, *others: "Literal[7]") -> "Literal[8]":
    """Give -1 or so."""
    if x < LIMIT and not others:
        return min(x + 1, 2.5)
    return f"{x}" + "text" if x == 1 else True
'''


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "source.py"
    path.write_text(SOURCE)
    return list(mutants.mutants_of(path))


def test_every_comparison_sign_constant_and_condition_is_changed_once(made):
    """And nothing else: no text, docstring, annotation or list of names."""
    assert sorted(mutant.change for mutant in made) == sorted(
        [
            "3 → 4",
            "0 → 1",
            "x < LIMIT → x <= LIMIT",
            "x < LIMIT and (not others) → x < LIMIT or not others",
            "not others → not not others",
            "min(x + 1, 2.5) → max(x + 1, 2.5)",
            "x + 1 → x - 1",
            "1 → 2",
            "2.5 → 3.5",
            "x == 1 → x != 1",
            "1 → 2",
            "True → False",
        ]
    )


def test_constants_and_defaults_run_at_import(made):
    """They need a child that imports anew; what stands in a function does not."""
    assert [mutant.change for mutant in made if mutant.at_import] == ["3 → 4", "0 → 1"]
    assert {mutant.function for mutant in made} == {"module", "f"}


def test_each_mutant_has_one_change_of_its_own(made):
    """The trees are copies: no two are alike, and none is the original."""
    texts = {mutants.ast.unparse(mutant.tree()) for mutant in made}
    assert len(texts) == len(made)
    assert mutants.ast.unparse(mutants.ast.parse(SOURCE)) not in texts


def test_a_survivor_may_have_a_reason(made):
    """It is looked up by file, function and change."""
    known = [{"file": "source.py", "function": "f", "changes": ["x + 1 → x - 1"], "reason": "because"}]
    reasons = {mutant.change: mutants._reason(mutant, known) for mutant in made}
    assert {change for change, reason in reasons.items() if reason == "because"} == {"x + 1 → x - 1"}


def test_reasons_belong_to_mutants_that_exist():
    """A reason for a line that is gone would hide the next survivor there."""
    listed = [
        mutant
        for target in mutants.TARGETS.values()
        for path in mutants._files(target)
        for mutant in mutants.mutants_of(path)
    ]
    for known in json.loads(mutants.REASONS.read_text()):
        changes = {m.change for m in listed if m.file.endswith(known["file"]) and m.function == known["function"]}
        assert set(known["changes"]) <= changes
        assert known["reason"]


ONE_TEST = """
from tinytorch.benchmarking.statistics.drift import LOWEST_SLOPE, coefficient_of_variation


def test_one_function_and_one_constant():
    assert coefficient_of_variation([9.0, 10.0, 11.0]) == 0.1
    assert LOWEST_SLOPE == 0.9
"""


def test_only_what_the_tests_look_at_is_killed(tmp_path):
    """One test of one function and one constant: the rest of the file survives it."""
    (tmp_path / "test_drift.py").write_text(ONE_TEST)
    output = tmp_path / "mutants.json"
    source = "src/tinytorch/benchmarking/statistics/drift.py"
    command = [sys.executable, "-m", "benchmarks.mutants", "--source", source, "--tests", str(tmp_path)]
    subprocess.run([*command, "--most", "12", "--output", str(output)], check=True, cwd=ROOT, capture_output=True)
    found = json.loads(output.read_text())
    assert found["mutants"] == 12
    assert 1 <= found["killed"] <= 4
    assert len(found["survivors"]) == 12 - found["killed"]
    assert "0.9 → 1.9" not in {survivor["change"] for survivor in found["survivors"]}
    assert "host_slope" in {survivor["function"] for survivor in found["survivors"]}
