"""Fine-tuning for bytes: outputs of the int8 model to the bit, gradients as if nothing were rounded."""

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import BatchNorm2d, Conv2d, Flatten, MaxPool2d
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.datasets import load_digits
from tinytorch.errors import DTypeError
from tinytorch.perf import compile, quantize
from tinytorch.perf.kernels.int8 import quantize_rows
from tinytorch.perf.quantization import (
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
    Rehearsed,
    perform,
    quantize_aware,
    rehearse,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_weights():
    """Draw the same weights whatever ran before."""
    manual_seed(0)


def tensor(*shape):
    """Give normal numbers."""
    return Tensor(RNG.normal(size=shape))


def images():
    """Build a network of convolutions and linear layers."""
    return Sequential(
        *(Conv2d(1, 4, 3, padding=1), BatchNorm2d(4), ReLU(), MaxPool2d(2)),
        *(Conv2d(4, 6, 3, stride=2, bias=False), ReLU(), Flatten(), Linear(6 * 3 * 3, 5)),
    ).eval()


@pytest.mark.parametrize("calibrated", [False, True])
def test_what_is_rehearsed_is_what_the_int8_model_gives(calibrated):
    """To the bit: before training, after it, and beside quantizing at once where nothing was trained."""
    model, x = images(), tensor(3, 1, 14, 14)
    rehearsed = rehearse(model, [x] if calibrated else None)
    assert np.array_equal(rehearsed(x).data, quantize(model, [x] if calibrated else None)(x).data)
    optimizer = Adam(rehearsed.parameters(), lr=0.01)
    CrossEntropyLoss()(rehearsed(x), Tensor([0, 1, 2], dtype="int64")).backward()
    optimizer.step()
    performed = perform(rehearsed)
    assert np.array_equal(performed(x).data, rehearsed(x).data)
    assert [type(layer) for layer in performed if hasattr(layer, "q_weight")] == [
        QuantizedConv2d,
        QuantizedConv2d,
        QuantizedLinear,
    ]
    assert compile(performed, x)(x).data == pytest.approx(performed(x).data, rel=1e-4, abs=1e-4)


def test_gradients_pass_as_if_nothing_were_rounded():
    """The weight's is the rounded input's product, the input's is that with the rounded weight."""
    layer, x = Linear(6, 3), Tensor(RNG.normal(size=(4, 6)), requires_grad=True)
    rehearsed, g = Rehearsed(layer), RNG.normal(size=(4, 3)).astype(np.float32)
    rehearsed(x).backward(g)
    q, scales = quantize_rows(x.data)
    quantized = rehearsed.quantized()
    assert layer.weight.grad == pytest.approx((q * scales[:, None]).T @ g, rel=1e-4, abs=1e-4)
    assert x.grad == pytest.approx(g @ (quantized.q_weight.data * quantized.weight_scale).T, rel=1e-4, abs=1e-4)
    assert layer.bias.grad == pytest.approx(g.sum(0), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("layer", [Linear(2, 1, bias=False), Conv2d(1, 1, (1, 2), bias=False)], ids=repr)
def test_clipped_activations_get_no_gradient(layer):
    """A fixed scale holds magnitudes of up to 1 here."""
    layer.weight.data[...] = 1
    shape = (1, 2) if isinstance(layer, Linear) else (1, 1, 1, 2)
    x = Tensor(np.reshape([0.5, 3.0], shape), requires_grad=True)
    out = Rehearsed(layer, 1 / 127)(x)
    out.backward(np.ones(out.shape, np.float32))
    assert x.grad.ravel() == pytest.approx([1, 0])
    assert layer.weight.grad.ravel() == pytest.approx([64 / 127, 1])
    assert out.data.ravel() == pytest.approx([64 / 127 + 1])


def test_the_original_is_left_alone_and_normalization_is_folded():
    """The copy has layers of floats inside, which are trained under their names."""
    model = images()
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    rehearsed = rehearse(model)
    for parameter in rehearsed.parameters():
        parameter.data += 1
    assert {name: value.tobytes() for name, value in model.state_dict().items()} == before
    assert [type(layer).__name__ for layer in rehearsed].count("Rehearsed") == 3
    assert "BatchNorm2d" not in [type(layer).__name__ for layer in rehearsed]
    assert repr(rehearsed[-1]) == "Rehearsed(Linear(54, 5))"


def test_a_language_model_is_rehearsed_with_tables_of_bytes():
    """Its embeddings are not trained; one whose head has no weights of its own is refused."""
    model, tokens = GPT(11, 8, 1, 2, 8).eval(), Tensor([[1, 2, 3]])
    rehearsed = rehearse(model, [tokens])
    assert isinstance(rehearsed.token_embedding, QuantizedEmbedding)
    assert np.array_equal(rehearsed(tokens).data, perform(rehearsed)(tokens).data)
    with pytest.raises(DTypeError, match="one whose head has weights; got a tied head"):
        rehearse(GPT(11, 8, 1, 2, 8, tie_weights=True))


def test_a_model_without_such_layers_is_refused():
    """To be rehearsed, and to be performed."""
    with pytest.raises(DTypeError, match="one that holds a Linear layer or a Conv2d; got ReLU"):
        rehearse(ReLU())
    with pytest.raises(DTypeError, match="one that was rehearsed; got Sequential"):
        perform(Sequential(Linear(2, 2)))


def test_fine_tuning_regains_what_rounding_cost():
    """Digits beside inputs that are far larger, so that few steps are left for the usual ones."""
    data = load_digits()
    x, y = Tensor(data.train_images), Tensor(data.train_labels, dtype="int64")
    model = Sequential(Linear(64, 32), ReLU(), Linear(32, 10))
    optimizer, loss_fn = Adam(model.parameters(), lr=0.03), CrossEntropyLoss()
    for _ in range(40):
        loss_fn(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    accuracy = lambda m: float((m(Tensor(data.test_images)).data.argmax(1) == data.test_labels).mean())
    large = [Tensor(x.data * 100)]
    rounded = accuracy(quantize(model, large))
    batches = [(Tensor(x.data[i::10]), Tensor(y.data[i::10], dtype="int64")) for i in range(10)]
    tuned = accuracy(quantize_aware(model, batches, epochs=8, lr=3e-3, calibration_data=large))
    assert accuracy(model) - rounded > 0.05
    assert tuned > rounded + 0.05
