"""Make a trained model smaller: remove units, make the weights bytes, compile; and see what each step costs and buys.

python examples/make_smaller.py [EPOCHS]
"""

import sys

import numpy as np

from tinytorch import Sequential, Tensor, manual_seed, no_grad
from tinytorch.benchmarking import stored_bytes
from tinytorch.capstone.digits_classifier import digits_classifier, train_on_digits
from tinytorch.datasets import load_digits
from tinytorch.perf import TECHNIQUES, compile


def main(epochs: int = 20) -> dict[str, tuple[int, float]]:
    """Give bytes and accuracy after each step."""
    manual_seed(0)
    data = load_digits(seed=0)
    model = digits_classifier(128)
    train_on_digits(model, data.train_images, data.train_labels, epochs, 0, lambda *_: None)
    model.eval()
    steps = {"as trained": model}
    narrow = TECHNIQUES["prune.units.v1"]
    steps["half of the units removed"] = narrow(model, keep_ratio=0.5)
    steps["weights as int8"] = TECHNIQUES["quantize.int8.dynamic.v1"](steps["half of the units removed"])
    found = {}
    for name, made in steps.items():
        found[name] = (stored_bytes(made), accuracy(made, data.test_images, data.test_labels))
        print(f"{name:32} {found[name][0]:7,} bytes   {found[name][1]:.2%} right")
    fast = compile(made, Tensor(data.test_images[:1]))
    fast(Tensor(data.test_images[:1]))
    print("\nwhat runs for one image, compiled:", fast.plan(), sep="\n")
    return found


def accuracy(model: Sequential, images: np.ndarray, labels: np.ndarray) -> float:
    """Give the share of images it has right."""
    with no_grad():
        return float(np.mean(model(Tensor(images)).data.argmax(axis=1) == labels))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
