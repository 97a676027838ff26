"""Models as ONNX: what other runtimes give is what the model gives, for any batch, floats and bytes."""

import numpy as np
import onnx
import onnxruntime
import pytest

from tinytorch.capstone.models import ImageMLP, PhotoCNN, SimpleMLP
from tinytorch.core.activations import ReLU, Softmax
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.spatial import LeNet, SimpleCNN
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DataError, StateError
from tinytorch.perf import TECHNIQUES, prune, quantize_int4, sparsify
from tinytorch.perf.onnx import as_onnx, export_onnx
from tinytorch.perf.quantization import quantize

RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.normal(size=(2, *shape)).astype(np.float32)


def tokens():
    return RNG.integers(0, 33, (2, 12)).astype(np.float32)


MODELS = {
    "SimpleMLP": (SimpleMLP, lambda: images(10)),
    "ImageMLP": (ImageMLP, lambda: images(1, 28, 28)),
    "PhotoCNN": (PhotoCNN, lambda: images(3, 32, 32)),
    "SimpleCNN": (SimpleCNN, lambda: images(3, 32, 32)),
    "LeNet": (LeNet, lambda: images(1, 28, 28)),
    "GPT": (lambda: GPT(33, 32, 2, 4, max_seq_len=16), tokens),
    "tied GPT": (lambda: GPT(33, 32, 2, 4, max_seq_len=16, tie_weights=True), tokens),
    "MLP": (lambda: Sequential(Linear(20, 30), ReLU(), Linear(30, 5), Softmax()), lambda: images(20)),
}
every_model = pytest.mark.parametrize("name", MODELS)


def made(name):
    manual_seed(0)
    make, example = MODELS[name]
    model = make()
    if hasattr(model, "eval"):
        model.eval()
    return model, example()


def said_by_runtime(exported, x):
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def require_equal(model, x, batches=(1, 5)):
    exported = as_onnx(model, x)
    for size in batches:
        batch = np.concatenate([x] * size)[:size]
        with no_grad():
            wanted = model(Tensor(batch)).data
        np.testing.assert_allclose(said_by_runtime(exported, batch), wanted, rtol=1e-5, atol=1e-5)
    return exported


@every_model
def test_a_runtime_gives_what_the_model_gives(name):
    """To 1e-5, for one sample and for more than the example had."""
    require_equal(*made(name))


@every_model
def test_bytes_are_exported_as_bytes(name):
    """The same for int8 weights, and none of the large constants is of floats."""
    model, x = made(name)
    exported = require_equal(quantize(model), x)
    kinds = {entry.data_type for entry in exported.graph.initializer if np.prod(entry.dims) > 1000}
    assert kinds <= {onnx.TensorProto.INT8} | ({onnx.TensorProto.FLOAT} if name in {"GPT", "tied GPT"} else set())


@pytest.mark.parametrize("name", ["MLP", "GPT", "tied GPT"])
def test_nibbles_are_exported_as_nibbles(name):
    """Four bits a weight, and the runtime gives what the model gives."""
    model, x = made(name)
    exported = require_equal(quantize_int4(model), x)
    assert onnx.TensorProto.INT4 in {entry.data_type for entry in exported.graph.initializer}


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_sparse_layers_are_exported_with_their_zeros(kind):
    """As floats: a runtime has no product that leaves zeros out."""
    model, x = made("MLP")
    require_equal(sparsify(prune(model, 0.8), kind), x)


@pytest.mark.parametrize("name", ["MLP", "LeNet"])
def test_a_fixed_scale_becomes_quantize_and_dequantize(name):
    """In the form that runtimes turn into kernels of bytes; a step of rounding apart in a few places at most."""
    model, x = made(name)
    still = TECHNIQUES["quantize.int8.static.v1"](model, [Tensor(x)])
    exported = as_onnx(still, x)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in exported.graph.node}
    with no_grad():
        wanted = still(Tensor(x)).data
    np.testing.assert_allclose(said_by_runtime(exported, x), wanted, atol=0.02 * np.abs(wanted).max())


def test_the_batch_is_free_unless_it_is_not():
    """The first axis has a name, or the example's length."""
    model, x = made("MLP")
    free, fixed = as_onnx(model, x), as_onnx(model, x, free_batch=False)
    sizes = [exported.graph.input[0].type.tensor_type.shape.dim[0] for exported in (free, fixed)]
    assert (sizes[0].dim_param, sizes[1].dim_value) == ("batch", 2)


def test_a_model_that_mixes_samples_by_number_is_refused():
    """A constant with a row for each sample cannot serve another number of them."""
    with pytest.raises(StateError, match=r"the same for any number of samples; got the constant c0"):
        as_onnx(lambda x: x * Tensor(np.arange(x.size).reshape(x.shape)), np.ones((2, 3)))


def test_parameters_keep_their_names():
    """As the traced graph has them, so that a reader finds the layer."""
    model, x = made("MLP")
    names = {entry.name for entry in as_onnx(model, x).graph.initializer}
    assert {"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"} <= names


def test_equal_constants_are_written_once():
    """The causal masks of all blocks are one."""
    model, x = made("GPT")
    shapes = [tuple(entry.dims) for entry in as_onnx(model, x).graph.initializer]
    assert shapes.count((12, 12)) == 1


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    """What is read back is what was made; a place that cannot be is an error."""
    model, x = made("MLP")
    exported = export_onnx(model, tmp_path / "model.onnx", x)
    assert onnx.load(tmp_path / "model.onnx") == exported
    assert exported.producer_name == "tinytorch"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="writable"):
        export_onnx(model, tmp_path / "file" / "model.onnx", x)


def test_an_op_without_a_form_is_named(monkeypatch):
    """With the table to add it to."""
    from tinytorch.perf.onnx import EXPORTS

    model, x = made("MLP")
    monkeypatch.delitem(EXPORTS, "relu")
    with pytest.raises(StateError, match=r"EXPORTS of src/tinytorch/perf/onnx/mappings\.py; got none for relu"):
        as_onnx(model, x)
