"""Add an op with a backprop of its own, check it numerically, and train with it.

python examples/new_op.py [STEPS]
"""

import sys

import numpy as np

from tinytorch import Adam, Linear, MSELoss, Sequential, Tensor, gradcheck, manual_seed
from tinytorch.core.layers import Layer
from tinytorch.core.ops import op


@op("Sine")
def sine(x):
    """Give sin(x), and how a gradient passes it: by cos(x)."""
    return np.sin(x), (lambda g: g * np.cos(x),)


class Sine(Layer):
    """Sine as an activation (V. Sitzmann et al. (2020), Implicit Neural Representations)."""

    def forward(self, x: Tensor) -> Tensor:
        """Take and give any shape."""
        return sine(x)


def main(steps: int = 400) -> float:
    """Fit a wave; give the mean squared error that is left."""
    manual_seed(0)
    points = Tensor([[-2.0, 0.5, 3.0]], requires_grad=True, dtype="float64")
    print("the backprop agrees with central differences:", gradcheck(sine, points))

    x = np.linspace(-3, 3, 200)[:, None]
    wave = np.sin(5 * x) * np.exp(-(x**2) / 4)
    model = Sequential(Linear(1, 32), Sine(), Linear(32, 32), Sine(), Linear(32, 1))
    optimizer, loss_fn = Adam(model.parameters(), lr=0.01), MSELoss()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_fn(model(Tensor(x)), Tensor(wave))
        loss.backward()
        optimizer.step()
    print(f"mean squared error {loss.data.item():.6f}; the wave's own mean square is {np.mean(wave**2):.4f}")
    return float(loss.data)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
