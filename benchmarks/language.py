"""TinyTorch's language models beside PyTorch: a GPT's training step and forward pass, attention and layer norm apart.

python -m benchmarks.language [--sessions 6] [--rounds 60] [--threads 1] [--only CASE ...] [--output FILE] [--smoke]

The other side is PyTorch in eager mode with its fast parts (`scaled_dot_product_attention`, `is_causal=True`), the same
weights, and as many threads. Each maker compares values before anything is timed; the candidate is TinyTorch.
Cases that end with `-fast` run it with compiled twins (`accelerate()`); `-own` compares these with its NumPy functions.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.runner import Call, Case, run
from tinytorch import GPT, Adam, CrossEntropyLoss, Tensor, manual_seed, no_grad
from tinytorch.core import ops
from tinytorch.perf.acceleration import accelerate, keep_memory

BATCH, CONTEXT, WIDTH, HEADS, LAYERS, VOCABULARY = 16, 128, 128, 4, 4, 80


def tiny_gpt(dropout: float = 0.0) -> GPT:
    """Build the seeded model."""
    manual_seed(0)
    return GPT(VOCABULARY, WIDTH, LAYERS, HEADS, CONTEXT, dropout=dropout)


def tokens() -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch of tokens, and the token after each."""
    rows = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, CONTEXT + 1))
    return rows[:, :-1].copy(), rows[:, 1:].copy()


def training_step(dropout: float = 0.0) -> tuple[Call, Call]:
    """Forward, cross-entropy, backward and one step of Adam; with dropout both sides draw, each its own masks."""
    from benchmarks.twins import torch_gpt

    ours = tiny_gpt(dropout)
    theirs_step, ours_step = torch_step(torch_gpt(ours)), tiny_step(ours)
    for _ in range(3):
        np.testing.assert_allclose(ours_step(), theirs_step(), rtol=1e-4 if dropout == 0 else 0.1)
    return theirs_step, ours_step


def tiny_step(model: GPT) -> Call:
    """Make one step of ours."""
    x, y = (Tensor(part, dtype=part.dtype) for part in tokens())
    optimizer, loss_fn = Adam(model.parameters()), CrossEntropyLoss()

    def step() -> float:
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.data)

    return step


def torch_step(model) -> Call:
    """Make one step of theirs."""
    import torch

    x, y = (torch.from_numpy(part) for part in tokens())
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(model(x).view(-1, VOCABULARY), y.view(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def own_step() -> tuple[Call, Call]:
    """The same step twice, without acceleration; `accelerated` switches it on for the candidate."""
    return tiny_step(tiny_gpt()), tiny_step(tiny_gpt())


def accelerated(make: Callable[[], tuple[Call, Call]], *, keep: bool = False) -> tuple[Call, Call]:
    """Set a case up, and switch the compiled twins on at each call of the candidate; switching is timed with it.

    Args:
        make: Sets both sides up.
        keep: Whether freed memory stays with the process; so it does for both sides then.
    """
    baseline, candidate = make()

    def fast() -> object:
        with accelerate(required=True):
            return candidate()

    if keep:
        keep_memory()
    for mine, other in zip(arrays_of(fast()), arrays_of(baseline()), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
    return baseline, fast


def arrays_of(result) -> list[np.ndarray]:
    """Give the arrays of a call's result: of a loss, of logits, or of gradients."""
    parts = result if isinstance(result, list) else [result]
    return [np.asarray(getattr(part, "data", part)) for part in parts]


def forward() -> tuple[Call, Call]:
    """The logits of a batch, without a graph."""
    import torch

    from benchmarks.twins import torch_gpt

    ours = tiny_gpt()
    theirs = torch_gpt(ours)
    x = Tensor(tokens()[0], dtype="int64")
    their_x = torch.from_numpy(x.data)

    def theirs_without_graph() -> object:
        with torch.inference_mode():
            return theirs(their_x)

    def ours_without_graph() -> object:
        with no_grad():
            return ours(x)

    np.testing.assert_allclose(ours_without_graph().data, theirs_without_graph().numpy(), atol=1e-4)
    return theirs_without_graph, ours_without_graph


def attention(length: int = CONTEXT) -> tuple[Call, Call]:
    """Causal attention on heads that lie side by side, as projections give them, forward and back."""
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    arrays = [np.random.default_rng(seed).normal(size=(BATCH, length, WIDTH)).astype("f4") for seed in range(4)]
    heads = [array.reshape(BATCH, length, HEADS, -1).swapaxes(1, 2) for array in arrays]
    return both_ways(
        lambda *qkv: attend(*qkv, is_causal=True), lambda *qkv: ops.attention(*qkv, causal=True), heads[:3], heads[3]
    )


def layer_norm() -> tuple[Call, Call]:
    """Rows of a batch normalized, forward and back."""
    import torch

    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=(BATCH, CONTEXT, WIDTH)).astype("f4") for _ in range(2))
    gamma, beta = (rng.normal(size=WIDTH).astype("f4") for _ in range(2))
    normalize = lambda x, gamma, beta: torch.nn.functional.layer_norm(x, (WIDTH,), gamma, beta)
    return both_ways(normalize, ops.layer_norm, [x, gamma, beta], g)


def gelu() -> tuple[Call, Call]:
    """The hidden units of one block, forward and back."""
    import torch

    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=(BATCH * CONTEXT, 4 * WIDTH)).astype("f4") for _ in range(2))
    return both_ways(lambda x: torch.nn.functional.gelu(x, approximate="tanh"), ops.gelu, [x], g)


def both_ways(theirs, ours, arrays, g) -> tuple[Call, Call]:
    """Call a function and walk back from its result, on both sides."""
    import torch

    leaves, their_g = [torch.from_numpy(array).requires_grad_() for array in arrays], torch.from_numpy(g)
    tensors = [leaf(array) for array in arrays]

    def their_call() -> list[object]:
        for tensor in leaves:
            tensor.grad = None
        theirs(*leaves).backward(their_g)
        return [tensor.grad.numpy() for tensor in leaves]

    def our_call() -> list[object]:
        for tensor in tensors:
            tensor.grad = None
        ours(*tensors).backward(g)
        return [tensor.grad for tensor in tensors]

    for mine, other in zip(our_call(), their_call(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
    return their_call, our_call


def leaf(array: np.ndarray) -> Tensor:
    """Make a tensor that keeps the array's strides, as the twin's does."""
    tensor = Tensor([], requires_grad=True)
    tensor.data = array
    return tensor


CASES = {
    "gpt-train": Case("GPT 4 x 128, 4 heads, 16 x 128 tokens, training step", 1 / 1.5, training_step),
    "gpt-dropout": Case("the same with dropout 0.1", 1 / 1.5, lambda: training_step(0.1)),
    "gpt-forward": Case("the same model's logits, no graph", 1 / 1.5, forward),
    "attention": Case("causal attention (16, 4, 128, 32), forward and back", 1 / 1.5, attention),
    "attention-long": Case("causal attention (16, 4, 512, 32), forward and back", 1 / 1.5, lambda: attention(512)),
    "layer-norm": Case("layer norm (16, 128, 128), forward and back", 1 / 1.5, layer_norm),
    "gelu": Case("GELU (2048, 512), forward and back", 1 / 1.5, gelu),
    "gpt-train-fast": Case("the training step, accelerated", 1.0, partial(accelerated, training_step)),
    "gpt-train-kept": Case("the same, memory kept on both sides", 1.0, partial(accelerated, training_step, keep=True)),
    "gpt-train-own": Case("accelerated, beside our own NumPy", 1.0, partial(accelerated, own_step), ("numba",)),
    "gpt-forward-fast": Case("the logits, accelerated", 1.0, partial(accelerated, forward)),
    "attention-fast": Case("causal attention, accelerated", 1.0, partial(accelerated, attention)),
    "attention-long-fast": Case("the same of 512, accelerated", 1.0, partial(accelerated, lambda: attention(512))),
    "layer-norm-fast": Case("layer norm, accelerated", 1.0, partial(accelerated, layer_norm)),
    "gelu-fast": Case("GELU, accelerated", 1.0, partial(accelerated, gelu)),
}

if __name__ == "__main__":
    sys.exit(run("benchmarks.language", CASES, __doc__))
