"""Models that others wrote: ONNX's own examples with the outputs they come with, networks with weights at random."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinytorch.core.activations import GELU, ReLU
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DataError, ShapeError
from tinytorch.perf import compile, quantize, quantize_int4
from tinytorch.perf.onnx import IMPORTS, as_onnx, import_onnx

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
EXAMPLES = sorted(DATA.glob("pytorch-*/*/model.onnx")) + sorted(DATA.glob("simple/*/model.onnx"))
FEWEST = 70  # of the examples must run; those refused have operators or forms that are not known here
LIGHT = ["squeezenet", "shufflenet"]


def read(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def outcome(path):
    """Say whether an example runs; that its outputs are those it comes with is asserted."""
    try:
        model = import_onnx(path).eval()
        for folder in sorted(path.parent.glob("test_data_set_*")):
            inputs = [read(file) for file in sorted(folder.glob("input_*.pb"))]
            with no_grad():
                found = model(*(Tensor(x, dtype=x.dtype) for x in inputs))
            found = found if isinstance(found, tuple) else (found,)
            for mine, file in zip(found, sorted(folder.glob("output_*.pb")), strict=True):
                np.testing.assert_allclose(getattr(mine, "data", mine), read(file), rtol=1e-4, atol=1e-5)
    except DataError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # some examples are of NaN
def test_the_examples_that_come_with_onnx_run_or_are_refused():
    """None gives other outputs than it comes with, and none fails otherwise."""
    assert sum(map(outcome, EXAMPLES)) >= FEWEST


def at_random(path):
    """Put random numbers where a light model has constants of one number: its own outputs say little."""
    model, rng = onnx.load(path), np.random.default_rng(0)
    model.ir_version = 8  # since 4, constants need not be inputs
    shapes = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    filled = [node for node in model.graph.node if node.op_type == "ConstantOfShape"]
    for node in filled:
        shape = shapes[node.input[0]]
        deviation = np.sqrt(2 / max(np.prod(shape[1:]), 1)) if len(shape) > 1 else 0.1
        numbers = rng.normal(1.0 if len(shape) == 1 else 0.0, deviation, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(numbers, node.output[0]))
        model.graph.node.remove(node)
    return model


@pytest.mark.parametrize("name", LIGHT)
def test_a_network_gives_what_a_runtime_gives(name):
    """With weights at random: groups, channelwise convolutions, uneven padding, normalization and all."""
    proto = at_random(DATA / "light" / f"light_{name}.onnx")
    x = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {session.get_inputs()[0].name: x})[0]
    with no_grad():
        found = import_onnx(proto).eval()(Tensor(x)).data
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    assert wanted.std() > 0


def models():
    manual_seed(0)
    rng = np.random.default_rng(0)
    text = rng.integers(0, 33, (2, 12)).astype(np.float32)
    yield "MLP", Sequential(Linear(20, 30), GELU(), Linear(30, 5)), rng.normal(size=(2, 20)).astype(np.float32)
    yield "LeNet", LeNet(), rng.normal(size=(2, 1, 28, 28)).astype(np.float32)
    yield "GPT", GPT(33, 32, 2, 4, max_seq_len=16), text


@pytest.mark.parametrize(("name", "model", "x"), [*models()], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_exported_can_be_read_again(name, model, x):
    """The same outputs, for another batch too; and once more through ONNX."""
    del name
    again = import_onnx(as_onnx(model.eval(), x)).eval()
    twice = import_onnx(as_onnx(again, x)).eval()
    more = np.concatenate([x, x])
    with no_grad():
        wanted, found, found_twice = (made(Tensor(more)).data for made in (model, again, twice))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found_twice, wanted, rtol=1e-5, atol=1e-5)


def test_a_model_that_was_read_learns():
    """Its constants are parameters, under the names of the file."""
    manual_seed(0)
    model = import_onnx(as_onnx(Sequential(Linear(4, 16), ReLU(), Linear(16, 3)), np.ones((1, 4))))
    assert "weights.layers.0.weight" in dict(model.named_parameters())
    rng = np.random.default_rng(0)
    x, labels = Tensor(rng.normal(size=(30, 4))), Tensor(rng.integers(0, 3, 30))
    optimizer, loss_fn, losses = Adam(model.parameters(), lr=0.01), CrossEntropyLoss(), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = loss_fn(model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    assert losses[-1] < losses[0] / 2


def test_a_model_that_was_read_compiles():
    """To the same outputs."""
    x = np.random.default_rng(0).normal(size=(2, 1, 28, 28)).astype(np.float32)
    model = import_onnx(as_onnx(LeNet().eval(), x)).eval()
    with no_grad():
        np.testing.assert_allclose(compile(model, Tensor(x))(Tensor(x)).data, model(Tensor(x)).data, atol=1e-5)


@pytest.mark.parametrize("smaller", [quantize_int4])
def test_stored_nibbles_are_read(smaller):
    """As the floats that they stand for; the rounding of activations is written in operators, one of them unknown."""
    with pytest.raises(DataError, match=r"known here; got Round"):
        import_onnx(as_onnx(smaller(Sequential(Linear(64, 8))), np.ones((1, 64))))


def test_unknown_operators_are_all_named():
    """With the table that lists what is known."""
    proto = as_onnx(quantize(Sequential(Linear(64, 8))), np.ones((1, 64)))
    with pytest.raises(DataError, match=r"got MatMulInteger, Round\. See IMPORTS of src/tinytorch/perf/onnx/operators"):
        import_onnx(proto)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 40, bytes(200)])
def test_what_is_no_onnx_is_refused(content):
    """Whatever the bytes."""
    with pytest.raises(DataError):
        import_onnx(content)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """By its path."""
    with pytest.raises(DataError, match=r"nothing\.onnx"):
        import_onnx(tmp_path / "nothing.onnx")


def test_the_number_of_inputs_is_checked():
    """Their names are given."""
    with pytest.raises(ShapeError, match=r"the inputs must be 1, \['x0'\]; got 2"):
        import_onnx(as_onnx(Linear(2, 2), np.ones((1, 2))))(1, 2)


def one_node(kind, inputs, outputs, shapes, **attributes):
    made = helper.make_node(kind, inputs, outputs, **attributes)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    given = [info for info in infos if info.name in inputs]
    taken = [info for info in infos if info.name in outputs]
    body = helper.make_graph([made], kind, given, taken)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


POOLS = [
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [2, 2], "strides": [3, 3], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
]


@pytest.mark.parametrize("attributes", POOLS, ids=str)
@pytest.mark.parametrize(
    ("kind", "extra"), [("MaxPool", {}), ("AveragePool", {}), ("AveragePool", {"count_include_pad": 1})]
)
def test_windows_lie_where_a_runtime_has_them(kind, extra, attributes):
    """Uneven padding, padding by name, and last windows that reach beyond the image."""
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 7)).astype(np.float32)
    proto = one_node(kind, ["x"], ["y"], {"x": x.shape, "y": [None] * 4}, **attributes, **extra)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    found = import_onnx(proto)(Tensor(x)).data
    np.testing.assert_allclose(found, session.run(None, {"x": x})[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "attributes",
    [{"strides": [2, 1]}, {"group": 2}, {"group": 4}, {"auto_pad": "SAME_UPPER"}, {"pads": [0, 1, 2, 0]}],
    ids=str,
)
def test_convolutions_are_those_of_a_runtime(attributes):
    """Uneven strides and padding, groups, and channels by themselves."""
    rng, group = np.random.default_rng(0), attributes.get("group", 1)
    x = rng.normal(size=(2, 4, 8, 7)).astype(np.float32)
    weight = rng.normal(size=(4, 4 // group, 3, 3)).astype(np.float32)
    proto = one_node("Conv", ["x", "w"], ["y"], {"x": x.shape, "w": weight.shape, "y": [None] * 4}, **attributes)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    found = import_onnx(proto)(Tensor(x), Tensor(weight)).data
    np.testing.assert_allclose(found, session.run(None, {"x": x, "w": weight})[0], rtol=1e-4, atol=1e-5)


def test_every_known_operator_is_documented():
    """The page names what can be read."""
    page = (Path(__file__).parents[3] / "docs" / "onnx.md").read_text(encoding="utf-8")
    listed = page.partition("\n## Models that others wrote\n")[2]
    assert [kind for kind in IMPORTS if f"`{kind}`" not in listed] == []
