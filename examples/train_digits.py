"""Train a classifier of handwritten digits, say how sure its accuracy is, save it and read it back.

python examples/train_digits.py [EPOCHS]
"""

import sys

import numpy as np

from tinytorch import (
    Adam,
    CosineSchedule,
    CrossEntropyLoss,
    DataLoader,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Tensor,
    TensorDataset,
    Trainer,
    manual_seed,
    no_grad,
)
from tinytorch.benchmarking import wilson
from tinytorch.capstone import load_model, save_model
from tinytorch.datasets import load_digits


def main(epochs: int = 20, path: str = "digits.safetensors") -> float:
    """Give the accuracy on the test images."""
    manual_seed(0)
    data = load_digits(seed=0)
    model = Sequential(Linear(64, 128), ReLU(), Dropout(0.3), Linear(128, 10))
    loader = DataLoader(
        TensorDataset(Tensor(data.train_images), Tensor(data.train_labels)), batch_size=16, shuffle=True
    )
    schedule = CosineSchedule(max_lr=0.005, min_lr=0.0001, total_epochs=epochs)
    trainer = Trainer(model, Adam(model.parameters()), CrossEntropyLoss(), schedule)
    for epoch in range(epochs):
        print(f"epoch {epoch + 1}: loss {trainer.train_epoch(loader):.4f}")
    model.eval()

    save_model(model, path)  # safetensors, with what the model is built of; no pickle
    again = load_model(path)
    with no_grad():
        said = again(Tensor(data.test_images)).data.argmax(axis=1)
    share = wilson(int(np.sum(said == data.test_labels)), len(said))
    print(f"accuracy {share.value:.2%}, 95 % interval {share.low:.2%} to {share.high:.2%}, on {len(said)} images")
    return share.value


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
