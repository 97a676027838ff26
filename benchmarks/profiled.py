"""Models to look into: `tinytorch profile benchmarks.profiled:lenet`. Each gives a model and its inputs."""

from __future__ import annotations

import numpy as np

from tinytorch import GPT, Linear, ReLU, Sequential, Tensor, manual_seed
from tinytorch.core.layers import Layer
from tinytorch.core.spatial import LeNet

__all__ = ["gpt", "lenet", "mlp"]

Pair = tuple[Layer, Tensor]


def mlp(batch: int = 64) -> Pair:
    """Give a classifier of 28 x 28 images, 784-512-256-10."""
    manual_seed(0)
    model = Sequential(Linear(784, 512), ReLU(), Linear(512, 256), ReLU(), Linear(256, 10))
    return model, Tensor(np.random.default_rng(0).standard_normal((batch, 784)))


def lenet(batch: int = 32) -> Pair:
    """Give a convolutional network on 28 x 28 images."""
    manual_seed(0)
    return LeNet(), Tensor(np.random.default_rng(0).standard_normal((batch, 1, 28, 28)))


def gpt(batch: int = 4, length: int = 64) -> Pair:
    """Give a language model of 4 blocks of width 128."""
    manual_seed(0)
    tokens = np.random.default_rng(0).integers(65, size=(batch, length))
    return GPT(65, 128, 4, 4, 128), Tensor(tokens, dtype=np.int64)
