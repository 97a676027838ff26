"""Compiled inference beside PyTorch, torch.compile, ONNX Runtime and NumPy; int8 and int4 beside float32 and theirs.

python -m benchmarks.inference [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

Each maker returns `(baseline, candidate)`, compared by value before they are timed; the candidate is TinyTorch. What
the first call costs is in `cold_compile.py`.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.runner import Call, Case, run
from tinytorch import Linear, ReLU, Sequential, Tensor, manual_seed, no_grad
from tinytorch.core.spatial import LeNet, SimpleCNN
from tinytorch.perf import compile, quantize, quantize_int4, trace

NETWORKS = {"10-20-3": (10, 20, 3), "64-128-10": (64, 128, 10), "784-512-256-10": (784, 512, 256, 10)}
BATCHES = (1, 64, 1024)
LAYERS = {"256x784": (784, 256), "1024x1024": (1024, 1024), "4096x1024": (1024, 4096), "4096x4096": (4096, 4096)}
LAYER_BATCHES = (1, 16, 256)
IMAGES = {"lenet": (1, 28, 28), "simple-cnn": (3, 32, 32)}
IMAGE_BATCHES = (1, 64)
NIBBLE_LAYERS = ("1024x1024", "4096x1024", "4096x4096")
INT4_ERROR = 0.2  # of the largest output
INT8_ERROR = 0.03  # of the largest output


def network(sizes: tuple[int, ...]) -> Sequential:
    """Build a seeded network of linear layers, ReLU between them, biases that are not 0."""
    manual_seed(0)
    layers = []
    for position, (a, b) in enumerate(pairwise(sizes)):
        layers += [ReLU()] if position else []
        layers.append(Linear(a, b))
        layers[-1].bias.data[...] = np.linspace(-1, 1, b)
    return Sequential(layers)


def rows(batch: int, features: int) -> np.ndarray:
    """Draw inputs, the same every time."""
    return np.random.default_rng(0).normal(size=(batch, features)).astype(np.float32)


def eager_torch(model: Sequential, x: np.ndarray) -> Call:
    """Run the same network in PyTorch, without a graph."""
    import torch

    theirs, data = torch_network(model), torch.from_numpy(x)

    def call() -> object:
        with torch.inference_mode():
            return theirs(data)

    return call


def torch_network(model: Sequential):
    """Build the same network, with the same weights, in PyTorch."""
    import torch

    layers: list[torch.nn.Module] = []
    for layer in model:
        if not isinstance(layer, Linear):
            layers.append(torch.nn.ReLU())
            continue
        theirs = torch.nn.Linear(layer.in_features, layer.out_features)
        with torch.no_grad():
            theirs.weight.copy_(torch.from_numpy(layer.weight.data.T.copy()))
            theirs.bias.copy_(torch.from_numpy(layer.bias.data))
        layers.append(theirs)
    return torch.nn.Sequential(*layers).eval()


def compiled_torch(model: Sequential, x: np.ndarray) -> Call:
    """Run it through torch.compile."""
    import torch

    theirs, data = torch.compile(torch_network(model)), torch.from_numpy(x)

    def call() -> object:
        with torch.inference_mode():
            return theirs(data)

    return call


def onnx_network(model: Sequential):
    """Write the network down as an ONNX graph of Gemm and Relu."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, weights, last = [], [], "x"
    for position, layer in enumerate(model):
        name = f"y{position}"
        if isinstance(layer, Linear):
            weights += [numpy_helper.from_array(layer.weight.data, f"w{position}")]
            weights += [numpy_helper.from_array(layer.bias.data, f"b{position}")]
            nodes.append(helper.make_node("MatMul", [last, f"w{position}"], [f"p{position}"]))
            nodes.append(helper.make_node("Add", [f"p{position}", f"b{position}"], [name]))
        else:
            nodes.append(helper.make_node("Relu", [last], [name]))
        last = name
    ends = [layer for layer in model if isinstance(layer, Linear)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, ends[0].in_features])]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, ends[-1].out_features])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    return made


def onnx_session(model: bytes, x: np.ndarray, name: str = "x") -> Call:
    """Run a model in ONNX Runtime, on as many threads as PyTorch and BLAS have."""
    import os

    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {name: x})[0]


def onnx(model: Sequential, x: np.ndarray) -> Call:
    """Run it in ONNX Runtime."""
    return onnx_session(onnx_network(model).SerializeToString(), x)


def by_hand(model: Sequential, x: np.ndarray) -> Call:
    """Write the pass out in NumPy."""
    layers = [(layer.weight.data, layer.bias.data) for layer in model if isinstance(layer, Linear)]

    def call() -> object:
        h = x
        for weight, bias in layers[:-1]:
            h = np.maximum(h @ weight + bias, 0)
        weight, bias = layers[-1]
        return h @ weight + bias

    return call


def own_eager(model: Sequential, x: np.ndarray) -> Call:
    """Run it in TinyTorch, not compiled."""
    data = Tensor(x)

    def call() -> object:
        with no_grad():
            return model(data)

    return call


def forward(
    baseline: Callable[[Sequential, np.ndarray], Call], sizes: tuple[int, ...], batch: int
) -> tuple[Call, Call]:
    """Compare the compiled network with a baseline."""
    model, x = network(sizes), rows(batch, sizes[0])
    fast, data = compile(model, x), Tensor(x)
    theirs = baseline(model, x)
    np.testing.assert_allclose(fast(data).data, array(theirs()), rtol=1e-4, atol=1e-4)
    return theirs, lambda: fast(data)


def array(result) -> np.ndarray:
    """Give the array of whatever a call returns."""
    return np.asarray(getattr(result, "data", result)) if isinstance(result, Tensor) else np.asarray(result)


def int8_torch(layer: Sequential, x: np.ndarray) -> Call:
    """Run it quantized dynamically by PyTorch."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of its successor
        theirs = torch.ao.quantization.quantize_dynamic(torch_network(layer), {torch.nn.Linear}, dtype=torch.qint8)
    data = torch.from_numpy(x)

    def call() -> object:
        with torch.inference_mode():
            return theirs(data)

    return call


def int8_onnx(layer: Sequential, x: np.ndarray) -> Call:
    """Run it quantized dynamically by ONNX Runtime, one scale for each output."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(onnx_network(layer).SerializeToString())
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
        return onnx_session(target.read_bytes(), x)


def own_float(layer: Sequential, x: np.ndarray) -> Call:
    """Run it in float32, compiled."""
    fast, data = compile(layer, x), Tensor(x)
    return lambda: fast(data)


def int8(baseline: Callable[[Sequential, np.ndarray], Call], sizes: tuple[int, int], batch: int) -> tuple[Call, Call]:
    """Compare a compiled layer of bytes with a baseline."""
    layer, x = network(sizes), rows(batch, sizes[0])
    fast, data = compile(quantize(layer), x), Tensor(x)
    theirs = baseline(layer, x)
    exact = array(by_hand(layer, x)())
    for result in (array(theirs()), fast(data).data):
        np.testing.assert_allclose(result, exact, rtol=0, atol=INT8_ERROR * np.abs(exact).max())
    return theirs, lambda: fast(data)


def image_network(name: str) -> Sequential:
    """Build a seeded network for images, biases that are not 0."""
    manual_seed(0)
    model = LeNet() if name == "lenet" else Sequential(SimpleCNN(), Linear(2048, 10))
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data[...] = np.linspace(-0.1, 0.1, parameter.size)
    return model.eval()


def int8_images(baseline: str, name: str, batch: int) -> tuple[Call, Call]:
    """Compare a network for images in bytes, its scales calibrated, with a baseline; both compiled where ours."""
    model, x = image_network(name), np.random.default_rng(0).normal(size=(batch, *IMAGES[name])).astype(np.float32)
    data = Tensor(x)
    fast, exact = compile(quantize(model, [data]), x), model(data).data
    theirs = {"float32": own_float, "eager": own_eager, "onnxruntime": onnx_images}[baseline](model, x)
    error = 0.1 * np.abs(exact).max()
    np.testing.assert_allclose(array(theirs()), exact, rtol=0, atol=error)
    np.testing.assert_allclose(fast(data).data, exact, rtol=0, atol=error)
    return theirs, lambda: fast(data)


def onnx_images(model, x: np.ndarray) -> Call:
    """Run a network for images in ONNX Runtime, quantized statically: int8 with a scale for each output."""
    import logging

    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Given(CalibrationDataReader):
        def __init__(self):
            self.left = iter([{"x0": x}])

        def get_next(self):
            return next(self.left, None)

    logging.disable(logging.WARNING)
    kinds = {"weight_type": QuantType.QInt8, "activation_type": QuantType.QUInt8, "per_channel": True}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(onnx_of_images(model, x).SerializeToString())
        quantize_static(source, target, Given(), quant_format=QuantFormat.QDQ, **kinds)
        return onnx_session(target.read_bytes(), x, "x0")


def onnx_of_images(model, x: np.ndarray):
    """Write the traced graph down as ONNX: convolutions, poolings, a flattening, linear layers."""
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = trace(model, x)
    fixed = {value.name: value.data for step in graph.steps for value in step.inputs if value.data is not None}
    weights = [numpy_helper.from_array(data, name) for name, data in fixed.items()]
    nodes = [onnx_node(step) for step in graph.steps]
    ends = (*graph.inputs, *graph.outputs)
    given, returned = (helper.make_tensor_value_info(end.name, TensorProto.FLOAT, list(end.shape)) for end in ends)
    whole = helper.make_graph(nodes, "images", [given], [returned], weights)
    made = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    return made


def onnx_node(step):
    """Write one step down."""
    from onnx import helper

    kinds = {"conv2d": "Conv", "linear": "Gemm", "relu": "Relu", "max_pool2d": "MaxPool", "reshape": "Flatten"}
    attributes: dict[str, list[int]] = {}
    if step.op == "conv2d":
        attributes = {"pads": [step.options.get("padding", 0)] * 4, "strides": [step.options.get("stride", 1)] * 2}
    elif step.op == "max_pool2d":
        size = list(step.options["kernel_size"])
        attributes = {"kernel_shape": size, "strides": size}
    inputs = [value.name for value in step.inputs]
    return helper.make_node(kinds[step.op], inputs, [step.output.name], **attributes)


def own_int8(layer: Sequential, x: np.ndarray) -> Call:
    """Run it as bytes, compiled."""
    fast, data = compile(quantize(layer), x), Tensor(x)
    return lambda: fast(data)


def int4(baseline: Callable[[Sequential, np.ndarray], Call], sizes: tuple[int, int]) -> tuple[Call, Call]:
    """Compare a compiled layer of nibbles on one row, as in decoding, with a baseline."""
    layer, x = network(sizes), rows(1, sizes[0])
    fast, data = compile(quantize_int4(layer, 64), x), Tensor(x)
    theirs = baseline(layer, x)
    exact = array(by_hand(layer, x)())
    for result in (array(theirs()), fast(data).data):
        np.testing.assert_allclose(result, exact, rtol=0, atol=INT4_ERROR * np.abs(exact).max())
    return theirs, lambda: fast(data)


PEERS = {
    "numpy": (by_hand, (), 1.0),
    "eager": (own_eager, (), 1.0),
    "torch": (eager_torch, ("torch",), 1.0),
    "compiled-torch": (compiled_torch, ("torch",), 1.0),
    "onnxruntime": (onnx, ("onnx", "onnxruntime"), 1.0),
}
INT8_PEERS = {
    "float32": (own_float, (), 2.3),
    "torch": (int8_torch, ("torch",), 1.0),
    "onnxruntime": (int8_onnx, ("onnx", "onnxruntime"), 1.0),
}
IMAGE_PEERS = {
    "float32": ((), 2.3),
    "eager": ((), 2.3),
    "onnxruntime": (("onnx", "onnxruntime"), 1.0),
}
INT4_PEERS = {"float32": (own_float, 2.3), "int8": (own_int8, 1.0)}
CASES = (
    {
        f"{peer}-{name}-{batch}": Case(
            f"{name}, batch {batch}, against {peer}", target, partial(forward, make, sizes, batch), needs
        )
        for name, sizes in NETWORKS.items()
        for batch in BATCHES
        for peer, (make, needs, target) in PEERS.items()
    }
    | {
        f"int8-{peer}-{name}-{batch}": Case(
            f"int8 {name}, batch {batch}, against {peer}", target, partial(int8, make, sizes, batch), needs
        )
        for name, sizes in LAYERS.items()
        for batch in LAYER_BATCHES
        for peer, (make, needs, target) in INT8_PEERS.items()
    }
    | {
        f"int8-{peer}-{name}-{batch}": Case(
            f"int8 {name}, batch {batch}, against {peer}", target, partial(int8_images, peer, name, batch), needs
        )
        for name in IMAGES
        for batch in IMAGE_BATCHES
        for peer, (needs, target) in IMAGE_PEERS.items()
    }
    | {
        f"int4-{peer}-{name}-1": Case(
            f"int4 {name}, batch 1, against {peer}", target, partial(int4, make, LAYERS[name]), ()
        )
        for name in NIBBLE_LAYERS
        for peer, (make, target) in INT4_PEERS.items()
    }
)

if __name__ == "__main__":
    sys.exit(run("benchmarks.inference", CASES, __doc__))
