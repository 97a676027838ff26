"""A whole language model beside its twin in PyTorch, and beside what the twin gave once."""

import numpy as np
import pytest

from contracts.gpt_samples import CASES, golden, results, torch_results

TOLERANCES = {"float32": 1e-5, "float64": 1e-11}
each_case = pytest.mark.parametrize("case", CASES)
each_dtype = pytest.mark.parametrize("dtype", TOLERANCES)


@each_case
@each_dtype
def test_logits_and_loss_are_the_golden_ones(case, dtype):
    """Needs no PyTorch."""
    expected = golden()["cases"][case]
    _, logits, loss = results(case, dtype)
    np.testing.assert_allclose(logits.ravel(), expected["logits"], rtol=0, atol=TOLERANCES[dtype])
    assert loss == pytest.approx(expected["loss"], abs=TOLERANCES[dtype])


def test_the_golden_file_has_every_case_and_no_other():
    """Otherwise: run `python tests/golden/make_gpt.py` where PyTorch is installed."""
    assert list(golden()["cases"]) == list(CASES)


@each_case
@each_dtype
def test_logits_loss_and_every_gradient_are_those_of_the_twin(case, dtype):
    """With the same weights, from PyTorch's own parts."""
    torch = pytest.importorskip("torch")
    from benchmarks.twins import pairs

    twin, their_logits, their_loss = torch_results(torch, case, dtype)
    gpt, logits, loss = results(case, dtype)
    tolerance = TOLERANCES[dtype]
    np.testing.assert_allclose(logits, their_logits, rtol=0, atol=tolerance)
    assert loss == pytest.approx(their_loss, abs=tolerance)
    matched = list(pairs(gpt, twin))
    assert {id(ours) for _, ours, _ in matched} == {id(parameter) for parameter in gpt.parameters()}
    for theirs, ours, turned in matched:
        grad = theirs.grad.numpy().T if turned else theirs.grad.numpy()
        np.testing.assert_allclose(ours.grad, grad, rtol=0, atol=tolerance)
