"""Every op as ONNX: the rows of the contract tests, run by ONNX's own evaluator and by ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from contracts.samples import ROWS
from tinytorch.core.ops import OPS
from tinytorch.errors import StateError
from tinytorch.perf.onnx import EXPORTS, as_onnx
from tinytorch.perf.tracing import INFERENCE_OPS

OVERFLOWING = {"cross_entropy: large"}  # the evaluator takes the logarithm of a softmax that has become 0


def missing(ops, table):
    return sorted(set(ops) - set(table))


def test_every_op_has_a_form_in_onnx():
    """A new op, of the framework or of its compiled models, needs a line in the table."""
    lacking = missing([*OPS, *INFERENCE_OPS], EXPORTS)
    assert lacking == [], f"{', '.join(lacking)}: add to EXPORTS in src/tinytorch/perf/onnx/mappings.py"


@pytest.mark.parametrize("row", [row for row in ROWS if row.op != "dropout"], ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning:onnx")  # its evaluator's sigmoid overflows on the way
def test_an_op_gives_in_onnx_what_it_gives_here(row):
    """To 1e-5, in float32."""
    inputs = row.tensors("float32")
    wanted = row(*inputs).data
    made = as_onnx(row.__call__, *inputs, free_batch=False).SerializeToString()
    feeds = {f"x{place}": x.data for place, x in enumerate(inputs)}
    runs = [session(made)] if row.name in OVERFLOWING else [session(made), ReferenceEvaluator(made)]
    for found in (run.run(None, feeds)[0] for run in runs):
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        slack = 1e-5 if row.case != "a constant channel" else 1e-4  # of a variance that is all rounding
        np.testing.assert_allclose(found, wanted, rtol=slack, atol=slack)


def session(made):
    return onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.op == "dropout"], ids=lambda row: row.name)
def test_dropout_is_nothing_or_refused(row):
    """A graph is of inference: what drops is refused, what does not is an identity."""
    inputs = row.tensors("float32")
    if row.options["p"]:
        with pytest.raises(StateError, match="dropout with p ="):
            as_onnx(row.__call__, *inputs, free_batch=False)
    else:
        made = as_onnx(row.__call__, *inputs, free_batch=False)
        assert [node.op_type for node in made.graph.node] == ["Identity"]
