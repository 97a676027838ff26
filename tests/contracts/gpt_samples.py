"""Small language models by formula, and what PyTorch's twins of them compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from contracts.rows import between
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.transformers import GPT

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "gpt.json"
CASES = {
    "two blocks": {"num_layers": 2, "num_heads": 2},
    "one head": {"num_layers": 1, "num_heads": 1},
    "tied": {"num_layers": 2, "num_heads": 4, "tie_weights": True},
}
VOCABULARY, WIDTH, CONTEXT = 7, 8, 6


def model(case: str, dtype="float32") -> GPT:
    """Make a model whose weights follow from a formula."""
    gpt = GPT(VOCABULARY, WIDTH, max_seq_len=CONTEXT, **CASES[case]).astype(dtype)
    for position, tensor in enumerate(gpt.parameters()):
        tensor.data[...] = between(-1, 1, *tensor.shape)(position)
    return gpt


def tokens(length=CONTEXT) -> np.ndarray:
    """Give two rows, and the token after each."""
    return (np.arange(2 * length) * 3 % VOCABULARY).reshape(2, length)


def torch_results(torch, case: str, dtype="float32"):
    """Give the twin, its logits, and its loss after walking back."""
    from benchmarks.twins import torch_gpt

    twin = torch_gpt(model(case, dtype))
    logits = twin(torch.from_numpy(tokens()))
    targets = torch.from_numpy(np.roll(tokens(), -1, axis=1))
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
    loss.backward()
    return twin, logits.detach().numpy(), loss.item()


def results(case: str, dtype="float32"):
    """Give our model, its logits, and its loss after walking back."""
    gpt = model(case, dtype)
    logits = gpt(tokens())
    loss = CrossEntropyLoss()(logits, np.roll(tokens(), -1, axis=1))
    loss.backward()
    return gpt, logits.data, float(loss.data)


def golden() -> dict:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))
