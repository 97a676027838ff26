"""What backward rules cost: an entry for each op, and counts by hand."""

import numpy as np
import pytest

from contracts.checks import listed_ops
from contracts.samples import ROWS
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.ops import OPS
from tinytorch.core.spatial import Conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.errors import StateError
from tinytorch.perf.graph import trace
from tinytorch.perf.profiling.backward_costs import BACKWARD, HOME, backward_flops
from tinytorch.perf.profiling.models import trained_of
from tinytorch.perf.profiling.passes import needs_of


def backwards(model, x):
    """Add up all rules of a model."""
    graph = trace(model, x)
    needs = needs_of(graph, {id(one.data) for one in trained_of(model)})
    return sum(backward_flops(step, needed) for step, needed in zip(graph.steps, needs, strict=True))


def require_an_entry_each(ops):
    """Name the file where an entry is missing."""
    missing, unknown = sorted(set(ops) - set(BACKWARD)), sorted(set(BACKWARD) - set(ops))
    assert missing == [], f"{', '.join(missing)}: add to BACKWARD in {HOME}"
    assert unknown == [], f"{', '.join(unknown)}: in BACKWARD, and no op"


def test_every_op_has_a_cost_of_its_rules():
    """A new op says what its backward pass costs."""
    require_an_entry_each(listed_ops())


def test_an_op_without_one_fails_the_enumeration():
    """The op is named, and the file."""
    with pytest.raises(AssertionError, match=r"fresh: add to BACKWARD in src/.*/backward_costs\.py"):
        require_an_entry_each([*listed_ops(), "fresh"])


def test_an_op_without_one_is_refused(monkeypatch):
    """Nothing is free because nobody counted it."""
    (step,) = trace(lambda x: -x, [1.0]).steps
    monkeypatch.delitem(BACKWARD, "neg")
    with pytest.raises(StateError, match="none for neg"):
        backward_flops(step, [True])


@pytest.mark.parametrize("row", [r for r in ROWS if r.op != "dropout" or r.options["p"] == 0], ids=lambda row: row.name)
def test_costs_are_whole_numbers_and_nothing_is_paid_for_nobody(row):
    """No gradient needed, nothing done; one more needed, no less done."""
    (step,) = trace(row, *row.tensors("float32")).steps
    count = len(step.inputs)
    found = [backward_flops(step, tuple(place < needed for place in range(count))) for needed in range(count + 1)]
    assert {type(flops) for flops in found} == {int}
    assert (found[0], found) == (0, sorted(found))


def test_a_linear_layer_costs_a_product_for_its_weights_and_one_for_its_input():
    """By hand: 2 · 5 · 7 · 4 each, and a sum of 5 rows of 4 for the bias; the first layer spares its input's."""
    once = 2 * 5 * 7 * 4
    assert backwards(Linear(7, 4), np.ones((5, 7))) == once + 5 * 4
    assert backwards(Linear(7, 4, bias=False), np.ones((5, 7))) == once
    behind = Sequential(Linear(3, 7), Linear(7, 4))
    assert backwards(behind, np.ones((5, 3))) == (2 * 5 * 3 * 7 + 5 * 7) + (2 * once + 5 * 4)


def test_an_mlp_costs_about_twice_its_forward_pass():
    """By hand: three products less the first input's, the biases, and two for each hidden unit's ReLU."""
    model = Sequential(Linear(784, 256), ReLU(), Linear(256, 10))
    first, second = 2 * 32 * 784 * 256, 2 * 32 * 256 * 10
    expected = first + 2 * second + 32 * (256 + 10) + 2 * 32 * 256
    assert backwards(model, np.zeros((32, 784))) == expected


def test_a_convolution_costs_as_its_forward_pass_for_each_factor():
    """By hand: 2 · results · kernel elements, for the weights alone where it comes first; the bias is a sum."""
    results, kernel = 2 * 6 * 5 * 5, 3 * 3 * 3
    assert backwards(Conv2d(3, 6, 3), np.ones((2, 3, 7, 7))) == 2 * results * kernel + results
    (step,) = trace(Conv2d(3, 6, 3), np.ones((2, 3, 7, 7))).steps
    assert backward_flops(step, (True, True, True)) == 4 * results * kernel + results


@pytest.mark.parametrize(("options", "pairs"), [({}, 2 * 15), ({"causal": True}, 2 * 12)])
def test_attention_costs_four_products_over_its_pairs(options, pairs):
    """By hand: two sequences, three queries and five keys of width 4, values of width 2."""
    q, k, v = (Tensor(np.ones((2, *shape))) for shape in [(3, 4), (5, 4), (5, 2)])
    (step,) = trace(lambda q, k, v: OPS["attention"].call(q, k, v, **options), q, k, v).steps
    pairwise = 2 * 4 + 2 * 4 + 2 * 2 + 2 * 2 + 2
    assert backward_flops(step, (True, True, True)) == pairs * pairwise + 3 * 12 + 24 + 40


def test_what_was_broadcast_is_summed():
    """A row added to five rows: five rows are added up."""
    (step,) = trace(lambda a, b: a + b, np.ones((5, 3)), np.ones(3)).steps
    assert [backward_flops(step, needs) for needs in ((True, False), (True, True))] == [0, 15]
