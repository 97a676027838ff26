"""What ops cost: an entry for each, and sums that agree with counts by hand."""

import numpy as np
import pytest

from contracts.checks import listed_ops
from contracts.samples import ROWS
from tinytorch.capstone import SimpleMLP
from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.ops import OPS
from tinytorch.core.spatial import AvgPool2d, BatchNorm2d, LeNet, MaxPool2d
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, LayerNorm
from tinytorch.errors import StateError
from tinytorch.perf.costs import COSTS, Cost, count_flops, graph_cost, step_cost
from tinytorch.perf.graph import trace
from tinytorch.perf.quantization import QuantizedLinear
from tinytorch.perf.tracing import INFERENCE_OPS

VIEWS = {"broadcast_to", "permute", "reshape", "transpose"}


def require_an_entry_each(ops):
    """Name the file where an entry is missing."""
    missing = sorted(set(ops) - set(COSTS))
    assert missing == [], f"{', '.join(missing)}: add to COSTS in src/tinytorch/perf/costs.py"
    unknown = sorted(set(COSTS) - set(ops))
    assert unknown == [], f"{', '.join(unknown)}: in COSTS, and no op"


def test_every_op_has_a_cost():
    """A new op says what it costs."""
    require_an_entry_each([*listed_ops(), *INFERENCE_OPS])


def test_an_op_without_a_cost_fails_the_enumeration():
    """The op is named, and the file."""
    with pytest.raises(AssertionError, match=r"fresh: add to COSTS in src/tinytorch/perf/costs\.py"):
        require_an_entry_each([*listed_ops(), *INFERENCE_OPS, "fresh"])


def test_an_op_without_a_cost_is_refused(monkeypatch):
    """Nothing is counted as free because nobody counted it."""
    graph = trace(lambda x: -x, [1.0])
    monkeypatch.delitem(COSTS, "neg")
    with pytest.raises(StateError, match="none for neg"):
        graph_cost(graph)


def lawful(row):
    """Say whether a row can be traced."""
    return row.op != "dropout" or row.options["p"] == 0


@pytest.mark.parametrize("row", [row for row in ROWS if lawful(row)], ids=lambda row: row.name)
def test_costs_are_whole_numbers_and_the_result_is_written_once(row):
    """What is written is what there is, and no more is read than the operands and indices hold."""
    (step,) = trace(row, *row.tensors("float32")).steps
    cost = step_cost(step)
    assert {type(cost.flops), type(cost.bytes_read), type(cost.bytes_written)} == {int}
    assert min(cost.flops, cost.bytes_read, cost.bytes_written) >= 0
    assert cost.bytes_written in {0, step.output.nbytes}
    assert (cost == Cost(0, 0, 0)) >= (row.op in VIEWS)


@pytest.mark.parametrize("rows", [(), (1,), (5,), (2, 3)])
def test_linear_costs_two_for_each_weight_and_row(rows):
    """By hand: `2 · rows · in · out`; read are input, weights and bias."""
    (step,) = trace(Linear(7, 4), np.ones((*rows, 7))).steps
    count = int(np.prod(rows))
    expected = Cost(2 * count * 7 * 4, 4 * (count * 7 + 7 * 4 + 4), 4 * count * 4)
    assert step_cost(step) == expected


def test_an_mlp_costs_the_sum_of_its_layers():
    """By hand: 2 · 32 · (784·512 + 512·256 + 256·10) for the products, and one for each hidden unit's ReLU."""
    model = Sequential(Linear(784, 512), ReLU(), Linear(512, 256), ReLU(), Linear(256, 10))
    products = 2 * 32 * (784 * 512 + 512 * 256 + 256 * 10)
    assert count_flops(model, np.zeros((32, 784))) == products + 32 * (512 + 256)
    assert count_flops(SimpleMLP(10, 20, 3), np.zeros((1, 10))) == 2 * (200 + 60) + 20


def test_products_are_counted_over_the_axis_summed_over():
    """Batched and broadcast: (2, 1, 3, 4) by (5, 4, 6) is 2·5·3·6 sums of 4 products."""
    (step,) = trace(lambda a, b: a @ b, np.ones((2, 1, 3, 4)), np.ones((5, 4, 6))).steps
    assert step_cost(step).flops == 2 * (2 * 5 * 3 * 6) * 4


def test_an_operand_used_twice_is_read_once():
    """`x * x` needs x once."""
    assert graph_cost(trace(lambda x: x * x, np.ones(8))) == Cost(8, 32, 32)


def test_numbers_are_not_read_from_memory():
    """A Python number stands in the code."""
    assert graph_cost(trace(lambda x: x * 2, np.ones(8))) == Cost(8, 32, 32)


def test_a_plain_slice_is_free_and_a_gather_is_not():
    """Rows picked by index are copied: two of four floats, and two indices of eight bytes."""
    x = np.ones((3, 4))
    assert graph_cost(trace(lambda x: x[1:, ::2], x)) == Cost(0, 0, 0)
    assert graph_cost(trace(lambda x: x[np.array([0, 2])], x)) == Cost(0, 32 + 16, 32)


def test_a_limit_costs_a_comparison():
    """A clip on one side costs half of one on both."""
    both, one = (graph_cost(trace(lambda x, h=h: x.clip(-1, h), np.ones(8))).flops for h in (1, None))
    assert (both, one) == (16, 8)


def test_activations_cost_by_element():
    """GELU's nine, as its entry lists them."""
    assert count_flops(GELU(), np.ones((2, 5))) == 90


def test_costs_add_up():
    """All three parts."""
    total = Cost(1, 2, 3) + Cost(10, 20, 30)
    assert (total, total.bytes_moved) == (Cost(11, 22, 33), 55)


def test_losses_are_counted():
    """4 for each logit and 3 for each row; 3 for each squared difference."""
    logits, targets = Tensor(np.ones((5, 3))), Tensor([0, 1, 2, 0, 1])
    assert graph_cost(trace(OPS["cross_entropy"].call, logits, targets)).flops == 4 * 15 + 3 * 5
    assert graph_cost(trace(OPS["mse"].call, logits, logits * 2)).flops == 45


def test_a_look_up_reads_the_rows_it_takes():
    """Not the table: two rows of three floats, and two indices of eight bytes."""
    weight, ids = Tensor(np.ones((100, 3))), np.array([7, 7])
    (step,) = trace(lambda ids: OPS["embedding"].call(weight, ids), Tensor(ids, dtype=ids.dtype)).steps
    assert step_cost(step) == Cost(0, 24 + 16, 24)


def test_layer_norm_costs_seven_an_element_and_five_a_row():
    """As its entry lists them."""
    assert count_flops(LayerNorm(4), np.ones((2, 3, 4))) == 7 * 24 + 5 * 6


@pytest.mark.parametrize(("options", "pairs", "extra"), [({}, 15, 0), ({"causal": True}, 12, 0), ({"mask": -1}, 15, 1)])
def test_attention_costs_what_its_pairs_cost(options, pairs, extra):
    """Three queries and five keys of width 4, values of width 2; causal attention spares 1 + 2 pairs."""
    if "mask" in options:
        options = {"mask": np.full((3, 5), -1.0, dtype=np.float32)}
    q, k, v = (np.ones((2, *shape)) for shape in [(3, 4), (5, 4), (5, 2)])
    scores = 2 * 4 + 1 + extra + 4
    both = lambda q, k, v: OPS["attention"].call(q, k, v, **options)
    assert count_flops(both, q, k, v) == 2 * pairs * (scores + 2 * 2) + 2 * 3 * 2
    (step,) = trace(lambda q, k: OPS["attention_weights"].call(q, k, **options), q, k).steps
    assert step_cost(step) == Cost(2 * pairs * (scores + 1), 4 * (24 + 40 + 15 * extra), 4 * 30)


@pytest.mark.parametrize("tie", [False, True])
def test_a_language_model_costs_the_sum_of_its_parts(tie):
    """The products by hand; what goes with the number of elements, from the parts traced apart."""
    rows, width, hidden, vocabulary = 2 * 5, 8, 32, 11
    gpt, tokens = GPT(vocabulary, width, 3, 2, 6, tie_weights=tie), np.zeros((2, 5), dtype=np.int64)
    linear = 2 * rows * (4 * width * width + 2 * width * hidden)
    parts = [(GELU(), (2, 5, hidden)), (LayerNorm(width), (2, 5, width)), (LayerNorm(width), (2, 5, width))]
    small = sum(count_flops(layer, np.ones(shape)) for layer, shape in parts)
    heads = 2 * 2 * 15 * (4 * 4 + 5) + rows * width
    block = linear + small + heads + 2 * rows * width
    head = 2 * rows * width * vocabulary + count_flops(LayerNorm(width), np.ones((2, 5, width)))
    assert count_flops(gpt, Tensor(tokens, dtype=tokens.dtype)) == rows * width + 3 * block + head


def test_a_convolution_costs_two_for_each_result_and_kernel_element():
    """By hand: LeNet's layers on one 28 x 28 image, ReLU and pools included."""
    convolutions = 2 * (28 * 28 * 6 * 25 + 10 * 10 * 16 * 150)
    linears = 2 * (400 * 120 + 120 * 84 + 84 * 10)
    relus = 28 * 28 * 6 + 10 * 10 * 16 + 120 + 84
    pools = 4 * (14 * 14 * 6 + 5 * 5 * 16)
    assert count_flops(LeNet(), np.ones((1, 1, 28, 28))) == convolutions + linears + relus + pools


def test_pools_cost_by_window():
    """Nine windows of six elements; the average also divides once a window."""
    x = np.ones((1, 1, 4, 5))
    costs = [count_flops(kind((2, 3), stride=1), x) for kind in (MaxPool2d, AvgPool2d)]
    assert costs == [9 * 6, 9 * 7]


def test_batch_normalization_costs_less_with_fixed_moments():
    """Six for each element while training; three after, and the moments are read."""
    layer, x = BatchNorm2d(2), np.ones((3, 2, 4, 4))
    inference = graph_cost(trace(layer, x))  # a trace is of inference
    training = graph_cost(trace(lambda x: OPS["batch_norm"].call(x, layer.gamma, layer.beta), x))
    assert (training.flops, inference.flops) == (6 * 96 + 8, 3 * 96 + 8)
    assert inference.bytes_read - training.bytes_read == 16


def test_a_layer_of_bytes_reads_bytes():
    """The arithmetic of a linear layer, a quarter of its weights' traffic, eight bytes of scale and bias an output."""
    (step,) = trace(QuantizedLinear(Linear(7, 4)), np.ones((5, 7))).steps
    assert step_cost(step) == Cost(2 * 5 * 7 * 4, 4 * 5 * 7 + 7 * 4 + 8 * 4, 4 * 5 * 4)
