"""Compiled inference beside PyTorch, torch.compile, ONNX Runtime and NumPy; int8 linear layers beside theirs.

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
from tinytorch.perf import compile
from tinytorch.perf.quantization import quantize

NETWORKS = {"10-20-3": (10, 20, 3), "64-128-10": (64, 128, 10), "784-512-256-10": (784, 512, 256, 10)}
BATCHES = (1, 64, 1024)
LAYERS = {"256x784": (784, 256), "1024x1024": (1024, 1024), "4096x1024": (1024, 4096), "4096x4096": (4096, 4096)}
LAYER_BATCHES = (1, 16, 256)
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


def onnx_session(model: bytes, x: np.ndarray) -> Call:
    """Run a model in ONNX Runtime, on as many threads as PyTorch and BLAS have."""
    import os

    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


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
CASES = {
    f"{peer}-{name}-{batch}": Case(
        f"{name}, batch {batch}, against {peer}", target, partial(forward, make, sizes, batch), needs
    )
    for name, sizes in NETWORKS.items()
    for batch in BATCHES
    for peer, (make, needs, target) in PEERS.items()
} | {
    f"int8-{peer}-{name}-{batch}": Case(
        f"int8 {name}, batch {batch}, against {peer}", target, partial(int8, make, sizes, batch), needs
    )
    for name, sizes in LAYERS.items()
    for batch in LAYER_BATCHES
    for peer, (make, needs, target) in INT8_PEERS.items()
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.inference", CASES, __doc__))
