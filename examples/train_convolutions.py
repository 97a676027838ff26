"""Train a convolutional network on handwritten digits of 8 x 8 pixels, with compiled kernels where they pay.

python examples/train_convolutions.py [EPOCHS]
"""

import sys

from tinytorch import (
    AdamW,
    Conv2d,
    CrossEntropyLoss,
    DataLoader,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Tensor,
    TensorDataset,
    Trainer,
    manual_seed,
)
from tinytorch.core.spatial import BatchNorm2d, Flatten
from tinytorch.datasets import load_digits
from tinytorch.perf.acceleration import accelerate


def main(epochs: int = 8) -> float:
    """Give the accuracy on the test images."""
    manual_seed(0)
    data = load_digits(seed=0)
    train, test = (images.reshape(-1, 1, 8, 8) for images in (data.train_images, data.test_images))
    model = Sequential(
        Conv2d(1, 16, 3, padding=1), BatchNorm2d(16), ReLU(),
        Conv2d(16, 32, 3, padding=1), BatchNorm2d(32), ReLU(), MaxPool2d(2),
        Flatten(), Linear(32 * 4 * 4, 10),
    )  # fmt: skip
    loader = DataLoader(TensorDataset(Tensor(train), Tensor(data.train_labels)), batch_size=32, shuffle=True)
    trainer = Trainer(model, AdamW(model.parameters(), lr=0.003), CrossEntropyLoss())
    with accelerate():
        for epoch in range(epochs):
            print(f"epoch {epoch + 1}: loss {trainer.train_epoch(loader):.4f}")
        loss, accuracy = trainer.evaluate([(Tensor(test), Tensor(data.test_labels))])
    print(f"test loss {loss:.4f}, accuracy {accuracy:.2%}")
    return float(accuracy)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
