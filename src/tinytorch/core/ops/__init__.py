"""The mathematics: one function an op, value and backprop together.

`OPS` lists them by name; an op is added by writing it in its family's file.
"""

from tinytorch.core.ops.activations import dropout, gelu, log_softmax, relu, sigmoid, softmax, tanh
from tinytorch.core.ops.batch_normalization import batch_norm
from tinytorch.core.ops.convolution import conv2d
from tinytorch.core.ops.elementwise import (
    abs,
    add,
    astype,
    clip,
    div,
    exp,
    log,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    sqrt,
    sub,
    where,
)
from tinytorch.core.ops.lookups import embedding
from tinytorch.core.ops.losses import bce, cross_entropy, mse
from tinytorch.core.ops.normalization import layer_norm
from tinytorch.core.ops.op import NODES, OPS, Op, op
from tinytorch.core.ops.pooling import avg_pool2d, max_pool2d
from tinytorch.core.ops.products import linear, matmul
from tinytorch.core.ops.queries import attention, attention_weights
from tinytorch.core.ops.reductions import max, mean, min, sum
from tinytorch.core.ops.shape import broadcast_to, concatenate, permute, reshape, slice, stack, transpose

__all__ = [
    "NODES",
    "OPS",
    "Op",
    "abs",
    "add",
    "astype",
    "attention",
    "attention_weights",
    "avg_pool2d",
    "batch_norm",
    "bce",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv2d",
    "cross_entropy",
    "div",
    "dropout",
    "embedding",
    "exp",
    "gelu",
    "layer_norm",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse",
    "mul",
    "neg",
    "op",
    "permute",
    "pow",
    "relu",
    "reshape",
    "sigmoid",
    "slice",
    "softmax",
    "sqrt",
    "stack",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "where",
]
