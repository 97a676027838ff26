"""TinyTorch: an ML framework small enough to read, and a benchmark you can believe.

The everyday names are loaded when first used, so that `import tinytorch` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinytorch.core.activations import GELU, ReLU, Sigmoid, Softmax, Tanh
    from tinytorch.core.attention import MultiHeadAttention, scaled_dot_product_attention
    from tinytorch.core.autograd import gradcheck, no_grad
    from tinytorch.core.dataloader import (
        Compose,
        DataLoader,
        Dataset,
        RandomCrop,
        RandomHorizontalFlip,
        TensorDataset,
    )
    from tinytorch.core.embeddings import Embedding, EmbeddingLayer, PositionalEncoding
    from tinytorch.core.layers import Dropout, Layer, Linear, Module, Sequential
    from tinytorch.core.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, MSELoss, log_softmax
    from tinytorch.core.optimizers import SGD, Adam, AdamW, Optimizer
    from tinytorch.core.spatial import AvgPool2d, Conv2d, MaxPool2d
    from tinytorch.core.tensor import Tensor
    from tinytorch.core.tokenization import BPETokenizer, CharTokenizer, Tokenizer
    from tinytorch.core.training import CosineSchedule, Trainer, clip_grad_norm, manual_seed
    from tinytorch.core.transformers import GPT, MLP, LayerNorm, TransformerBlock, create_causal_mask

__version__ = "0.1.0"

NAMES = {
    "core.activations": ("GELU", "ReLU", "Sigmoid", "Softmax", "Tanh"),
    "core.attention": ("MultiHeadAttention", "scaled_dot_product_attention"),
    "core.autograd": ("gradcheck", "no_grad"),
    "core.dataloader": ("Compose", "DataLoader", "Dataset", "RandomCrop", "RandomHorizontalFlip", "TensorDataset"),
    "core.embeddings": ("Embedding", "EmbeddingLayer", "PositionalEncoding"),
    "core.layers": ("Dropout", "Layer", "Linear", "Module", "Sequential"),
    "core.losses": ("BinaryCrossEntropyLoss", "CrossEntropyLoss", "MSELoss", "log_softmax"),
    "core.optimizers": ("SGD", "Adam", "AdamW", "Optimizer"),
    "core.spatial": ("AvgPool2d", "Conv2d", "MaxPool2d"),
    "core.tensor": ("Tensor",),
    "core.tokenization": ("BPETokenizer", "CharTokenizer", "Tokenizer"),
    "core.training": ("CosineSchedule", "Trainer", "clip_grad_norm", "manual_seed"),
    "core.transformers": ("GPT", "MLP", "LayerNorm", "TransformerBlock", "create_causal_mask"),
}
HOMES = {name: f"tinytorch.{module}" for module, names in NAMES.items() for name in names}

__all__ = [
    "GELU",
    "GPT",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BPETokenizer",
    "BinaryCrossEntropyLoss",
    "CharTokenizer",
    "Compose",
    "Conv2d",
    "CosineSchedule",
    "CrossEntropyLoss",
    "DataLoader",
    "Dataset",
    "Dropout",
    "Embedding",
    "EmbeddingLayer",
    "Layer",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "Optimizer",
    "PositionalEncoding",
    "RandomCrop",
    "RandomHorizontalFlip",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Tensor",
    "TensorDataset",
    "Tokenizer",
    "Trainer",
    "TransformerBlock",
    "__version__",
    "clip_grad_norm",
    "create_causal_mask",
    "gradcheck",
    "log_softmax",
    "manual_seed",
    "no_grad",
    "scaled_dot_product_attention",
]


def __getattr__(name: str) -> Any:
    """Load an everyday name from its module and keep it here."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
