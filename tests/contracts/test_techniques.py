"""What every technique must hold, by enumeration: it makes another model, and its claim can be tested."""

import re

import pytest

from contracts.technique_samples import ROWS
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer
from tinytorch.perf import TECHNIQUES, Technique

SAMPLES = "tests/contracts/technique_samples.py"

FAULTS = [
    (row, fault, beside)
    for row in ROWS
    for beside in (False, True)
    for fault in (row.faults, row.faults_beside)[beside]
]

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
each_technique = pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=TECHNIQUES)
each_fault = pytest.mark.parametrize(
    ("row", "fault", "beside"), FAULTS, ids=[f"{row.name}: {fault}" for row, fault, _ in FAULTS]
)


def applied(row, model):
    """Do what the row says."""
    return TECHNIQUES[row.technique](model, *row.arguments, **row.said)


def require_a_row_for_each(listed, rows):
    """Name the techniques that have no row, or none with a fault, and where it belongs."""
    missing = sorted(set(listed) - {row.technique for row in rows if row.faults})
    assert not missing, f"{', '.join(missing)}: add a row to {SAMPLES}"


def bits(model):
    """Give all that may not change: names, kinds of number, shapes and bytes."""
    state = model.state_dict()
    return {name: (array.shape, str(array.dtype), array.tobytes()) for name, array in state.items()}


def outputs(model, x):
    """Compute without a graph."""
    with no_grad():
        return model.forward(x).data


def test_every_technique_has_a_row():
    """A technique without a sample is a claim that nobody tests."""
    require_a_row_for_each(TECHNIQUES, ROWS)


def test_a_technique_without_a_row_is_found_and_the_file_named():
    """The enumeration itself would catch one that someone forgot."""
    with pytest.raises(AssertionError, match=f"prune.units.v1: add a row to {SAMPLES}"):
        require_a_row_for_each(TECHNIQUES, [row for row in ROWS if row.technique != "prune.units.v1"])


@each_technique
def test_a_technique_says_what_it_is(technique):
    """A versioned name under which it is listed, and one plain sentence."""
    assert isinstance(technique, Technique)
    assert TECHNIQUES[technique.name] is technique
    assert re.fullmatch(r"[a-z0-9]+(\.[a-z0-9_]+)*\.v[1-9]\d*", technique.name)
    assert re.fullmatch(r"[A-Z][^.]*\.", technique.claim)


@each_row
def test_the_original_is_left_alone(row):
    """Bit for bit, whatever is done to the result afterwards."""
    original = row.make()
    before, mode = bits(original), original.training
    result = applied(row, original)
    for parameter in result.parameters():
        parameter.data += 1
    assert (bits(original), original.training) == (before, mode)


@each_row
def test_the_claim_holds_of_the_result(row):
    """By itself, and beside the original."""
    original, technique = row.make(), TECHNIQUES[row.technique]
    result = applied(row, original)
    assert technique.check(result, **row.said) == []
    assert technique.check(result, original, **row.said) == []
    assert technique.check(result) == []


@each_row
def test_a_check_changes_nothing(row):
    """It may be made of the model that is shipped."""
    original = row.make()
    result = applied(row, original)
    before = bits(original), bits(result)
    TECHNIQUES[row.technique].check(result, original, **row.said)
    assert (bits(original), bits(result)) == before


@each_row
def test_the_claim_holds_of_what_a_file_gives_back(row, tmp_path):
    """Into a result made of other weights, the file brings those that the claim is about."""
    result, other = applied(row, row.make()), row.make()
    if not isinstance(result, Layer):
        pytest.skip("it is no layer, and has no file of its own")
    for parameter in other.parameters():
        parameter.data *= -2
    again = applied(row, other)
    result.save(tmp_path / "result.safetensors")
    again.load(tmp_path / "result.safetensors")
    assert bits(again) == bits(result)
    assert TECHNIQUES[row.technique].check(again, row.make(), **row.said) == []


@each_row
def test_the_result_takes_and_gives_what_the_original_does(row):
    """Shapes, and the outputs themselves where that is promised."""
    original, x = row.make(), row.example()
    found, expected = outputs(applied(row, original), x), outputs(original, x)
    assert (found.shape, str(found.dtype)) == (expected.shape, str(expected.dtype))
    if row.tolerance is not None:
        assert found == pytest.approx(expected, abs=row.tolerance)


@each_fault
def test_a_claim_that_does_not_hold_is_found(row, fault, beside):
    """A check that cannot fail checks nothing; each problem is one sentence that says what should be."""
    original = row.make()
    faulty = (row.faults_beside if beside else row.faults)[fault](original, applied(row, row.make()))
    problems = TECHNIQUES[row.technique].check(faulty, *([original] if beside else []), **row.said)
    assert problems
    assert all(re.match(r"[^;]+ must be .+; got .+", problem) for problem in problems)


def test_calling_a_technique_applies_it():
    """A technique is what it does."""
    model = ROWS[0].make()
    technique = Technique("double.v1", lambda model, by=2: (model, by), "It is doubled.", lambda *_: [])
    assert technique(model, by=3) == (model, 3)
