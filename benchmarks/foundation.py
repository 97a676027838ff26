"""TinyTorch's foundation beside PyTorch and hand-written NumPy: forward passes and training steps.

python -m benchmarks.foundation [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE]

Each maker returns `(baseline, candidate)`, compared by value before they are timed; the candidate is TinyTorch.
"""

import sys

import numpy as np

from benchmarks.runner import Call, Case, run
from benchmarks.steps import tiny_step, torch_step
from tinytorch import Tensor, manual_seed, no_grad
from tinytorch.capstone import SimpleMLP

Sizes = tuple[int, int, int]


def tiny_mlp(sizes: Sizes) -> SimpleMLP:
    """Build a seeded network: Linear, ReLU, Linear."""
    manual_seed(0)
    return SimpleMLP(*sizes)


def torch_mlp(ours: SimpleMLP):
    """Build the same network, with the same weights, in PyTorch."""
    import torch

    layers = [ours.fc1, ours.fc2]
    made = [torch.nn.Linear(layer.in_features, layer.out_features) for layer in layers]
    with torch.no_grad():
        for theirs, layer in zip(made, layers, strict=True):
            theirs.weight.copy_(torch.from_numpy(layer.weight.data.T.copy()))
            theirs.bias.copy_(torch.from_numpy(layer.bias.data))
    return torch.nn.Sequential(made[0], torch.nn.ReLU(), made[1])


def forward(sizes: Sizes) -> tuple[Call, Call]:
    """One sample through the network, with the graph recorded, as both do by default."""
    import torch

    ours = tiny_mlp(sizes)
    theirs = torch_mlp(ours)
    x = Tensor(np.random.default_rng(0).normal(size=(1, sizes[0])))
    their_x = torch.from_numpy(x.data.copy())
    np.testing.assert_allclose(ours(x).data, theirs(their_x).detach().numpy(), atol=1e-5)
    return lambda: theirs(their_x), lambda: ours(x)


def inference(sizes: Sizes) -> tuple[Call, Call]:
    """One sample through the network under `no_grad` and `inference_mode`."""
    import torch

    theirs, ours = forward(sizes)

    def without_graph() -> object:
        with torch.inference_mode():
            return theirs()

    def ours_without_graph() -> object:
        with no_grad():
            return ours()

    return without_graph, ours_without_graph


def numpy_forward(sizes: Sizes) -> tuple[Call, Call]:
    """One sample through the network under `no_grad`, against the same three lines written by hand."""
    ours = tiny_mlp(sizes)
    x = Tensor(np.random.default_rng(0).normal(size=(1, sizes[0])))
    array = x.data
    w1, b1, w2, b2 = (parameter.data for parameter in ours.parameters())

    def by_hand() -> object:
        h = array @ w1 + b1
        h = np.maximum(h, 0)
        return h @ w2 + b2

    np.testing.assert_allclose(ours(x).data, by_hand(), atol=1e-5)
    no_grad().__enter__()  # for the rest of the session: what is timed is the pass, not the switch
    return by_hand, lambda: ours(x)


def training_step(sizes: Sizes, batch: int) -> tuple[Call, Call]:
    """Forward, cross-entropy, backward and one step of Adam."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = rng.integers(0, sizes[2], batch)
    ours = tiny_mlp(sizes)
    theirs, ours_step = torch_step(torch_mlp(ours), images, labels), tiny_step(ours, images, labels)
    for _ in range(3):
        np.testing.assert_allclose(ours_step(), theirs(), rtol=1e-4)
    return theirs, ours_step


SMALL, DIGITS, LARGE = (10, 20, 3), (64, 128, 10), (784, 512, 10)

CASES = {
    "forward-small": Case("forward 10-20-3, batch 1, against PyTorch", 2.0, lambda: forward(SMALL)),
    "forward-digits": Case("forward 64-128-10, batch 1, against PyTorch", 2.0, lambda: forward(DIGITS)),
    "inference-small": Case("no_grad 10-20-3, batch 1, against PyTorch inference_mode", 2.0, lambda: inference(SMALL)),
    "inference-digits": Case("no_grad 64-128-10, batch 1, against PyTorch", 2.0, lambda: inference(DIGITS)),
    "numpy-small": Case("no_grad 10-20-3, batch 1, against NumPy by hand", 1 / 1.5, lambda: numpy_forward(SMALL), ()),
    "numpy-digits": Case("no_grad 64-128-10, batch 1, against NumPy", 1 / 1.5, lambda: numpy_forward(DIGITS), ()),
    "train-digits": Case("training step 64-128-10, batch 32", 1.0, lambda: training_step(DIGITS, 32)),
    "train-large": Case("training step 784-512-10, batch 1024", 1 / 1.3, lambda: training_step(LARGE, 1024)),
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.foundation", CASES, __doc__))
