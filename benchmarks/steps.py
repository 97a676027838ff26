"""One step of training a classifier, forward, cross-entropy, backward and Adam: ours and PyTorch's."""

import numpy as np

from benchmarks.runner import Call
from tinytorch import Adam, CrossEntropyLoss, Tensor
from tinytorch.core.layers import Layer

__all__ = ["tiny_step", "torch_step"]


def tiny_step(model: Layer, images: np.ndarray, labels: np.ndarray) -> Call:
    """Make one step of ours, which gives the loss."""
    x, y = Tensor(images), Tensor(labels)
    optimizer, loss_fn = Adam(model.parameters()), CrossEntropyLoss()

    def step() -> float:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.data)

    return step


def torch_step(model, images: np.ndarray, labels: np.ndarray) -> Call:
    """Make one step of theirs, which gives the loss."""
    import torch

    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer, loss_fn = torch.optim.Adam(model.parameters()), torch.nn.CrossEntropyLoss()

    def step() -> float:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step
