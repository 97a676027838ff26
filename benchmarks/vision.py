"""TinyTorch's convolutions beside PyTorch: layers forward and backward, LeNet's training step, and the memory of each.

python -m benchmarks.vision [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

The other side is PyTorch in eager mode, with the same weights and as many threads. Each maker compares values and
gradients before anything is timed; the candidate is TinyTorch: by NumPy, in the cases that end in `-fast` by compiled
twins (`tinytorch.perf.acceleration`), and in those that end in `-gain` by the twins beside NumPy, without PyTorch.
`python -m benchmarks.footprint` has the peak memory.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.runner import Call, Case, run
from benchmarks.steps import tiny_step, torch_step
from tinytorch import Conv2d, MaxPool2d, Tensor, manual_seed
from tinytorch.core.layers import Layer
from tinytorch.core.spatial import BatchNorm2d, LeNet

BATCH = 64


@dataclass(frozen=True)
class Shape:
    """A 3x3 convolution that keeps the size."""

    channels: int
    side: int
    filters: int

    @property
    def images(self) -> tuple[int, int, int, int]:
        """The input's shape."""
        return (BATCH, self.channels, self.side, self.side)

    @property
    def results(self) -> tuple[int, int, int, int]:
        """The output's shape."""
        return (BATCH, self.filters, self.side, self.side)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Draw standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolution(shape: Shape) -> tuple[Call, Call]:
    """Forward and backward, to the images, the kernels and the bias."""
    import torch

    manual_seed(0)
    ours = Conv2d(shape.channels, shape.filters, 3, padding=1)
    theirs = torch.nn.Conv2d(shape.channels, shape.filters, 3, padding=1)
    copy_parameters(ours, theirs)
    return both_ways(ours, theirs, shape.images)


def pooling(side: int) -> tuple[Call, Call]:
    """2x2 max pooling of 32 channels, forward and backward."""
    import torch

    return both_ways(MaxPool2d(2), torch.nn.MaxPool2d(2), (BATCH, 32, side, side))


def normalization(channels: int, side: int) -> tuple[Call, Call]:
    """Batch normalization in training, forward and backward."""
    import torch

    return both_ways(BatchNorm2d(channels), torch.nn.BatchNorm2d(channels), (BATCH, channels, side, side))


def both_ways(ours: Layer, theirs, shape: tuple[int, ...]) -> tuple[Call, Call]:
    """Make the forward and backward pass of both, to the input and the parameters."""
    import torch

    x = Tensor(numbers(*shape), requires_grad=True)
    their_x = torch.from_numpy(x.data.copy()).requires_grad_()
    g = numbers(*ours(x).shape, seed=1)
    their_g = torch.from_numpy(g)

    def their_step() -> None:
        theirs.zero_grad()
        their_x.grad = None
        theirs(their_x).backward(their_g)

    def our_step() -> None:
        ours.zero_grad()
        x.grad = None
        ours(x).backward(g)

    their_step()
    our_step()
    require_close(x.grad, their_x.grad)
    for parameter, their_parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
        require_close(parameter.grad, their_parameter.grad)
    return their_step, our_step


def require_close(found: np.ndarray, expected) -> None:
    """Compare sums of many products: the error grows with their size, not with each one's."""
    expected = expected.detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * float(np.abs(expected).max()))


def copy_parameters(ours: Layer, theirs) -> None:
    """Give PyTorch the same numbers; its linear layers hold them the other way round."""
    import torch

    with torch.no_grad():
        for parameter, their_parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
            array = parameter.data.T if parameter.ndim == 2 else parameter.data
            their_parameter.copy_(torch.from_numpy(array.copy()))


def torch_lenet():
    """Build `LeNet` from PyTorch's parts."""
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def lenet_step() -> tuple[Call, Call]:
    """Forward, cross-entropy, backward and one step of Adam."""
    manual_seed(0)
    ours, theirs = LeNet(), torch_lenet()
    copy_parameters(ours, theirs)
    images, labels = numbers(BATCH, 1, 28, 28), np.random.default_rng(2).integers(0, 10, BATCH)
    their_step, our_step = torch_step(theirs, images, labels), tiny_step(ours, images, labels)
    for _ in range(3):
        np.testing.assert_allclose(our_step(), their_step(), rtol=1e-3)
    return their_step, our_step


Maker = Callable[[], tuple[Call, Call]]


def accelerated(make: Maker) -> Maker:
    """Let the candidate run compiled twins, in the whole of its process."""
    from tinytorch.perf.acceleration import accelerate

    def made() -> tuple[Call, Call]:
        accelerate(required=True)
        return make()

    return made


def gain(make: Maker) -> Maker:
    """Put the candidate by NumPy and the candidate by compiled twins side by side."""
    from tinytorch.perf.acceleration import accelerate

    def made() -> tuple[Call, Call]:
        _, step = make()

        def fast_step() -> None:
            with accelerate(required=True):
                step()

        return step, fast_step

    return made


ALLOWED = 1 / 1.5

EAGER = {
    "conv-1-28-8": Case("conv 3x3, 64x1x28x28 to 8, both ways", ALLOWED, lambda: convolution(Shape(1, 28, 8))),
    "conv-16-14-32": Case("conv 3x3, 64x16x14x14 to 32, both ways", ALLOWED, lambda: convolution(Shape(16, 14, 32))),
    "conv-32-32-64": Case("conv 3x3, 64x32x32x32 to 64, both ways", ALLOWED, lambda: convolution(Shape(32, 32, 64))),
    "conv-64-16-64": Case("conv 3x3, 64x64x16x16 to 64, both ways", ALLOWED, lambda: convolution(Shape(64, 16, 64))),
    "max-pool": Case("max pool 2x2, 64x32x32x32, both ways", ALLOWED, lambda: pooling(32)),
    "batch-norm": Case("batch norm, 64x32x32x32, both ways", ALLOWED, lambda: normalization(32, 32)),
    "lenet": Case("LeNet training step, batch 64", ALLOWED, lenet_step),
}

COMPILED = ("torch", "numba")
CASES = EAGER | {
    f"{name}-{ending}": Case(f"{case.title}, {what}", target, wrap(case.make), COMPILED)
    for ending, what, target, wrap in (
        ("fast", "compiled", ALLOWED, accelerated),
        ("gain", "compiled to NumPy", 1, gain),
    )
    for name, case in EAGER.items()
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.vision", CASES, __doc__))
