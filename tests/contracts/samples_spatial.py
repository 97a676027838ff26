"""Rows of the ops on images: convolution, pooling, batch normalization."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contracts.rows import Row, exactly, positive, real

CONVOLUTIONS = {  # images, kernels, stride, padding
    "3x3": ((2, 2, 4, 5), (3, 2, 3, 3), 1, 0),
    "same size": ((2, 2, 4, 5), (3, 2, 3, 3), 1, 1),
    "5x5, same size": ((1, 1, 5, 3), (2, 1, 5, 5), 1, 2),
    "stride 2": ((2, 2, 5, 6), (2, 2, 3, 3), 2, 1),
    "stride 2, same width": ((1, 2, 3, 3), (2, 2, 2, 2), 2, 2),
    "stride 3 beyond the kernel": ((2, 1, 7, 6), (2, 1, 2, 2), 3, 0),
    "stride 2 of a 5x5": ((1, 2, 6, 7), (1, 2, 5, 5), 2, 2),
    "1x1": ((2, 3, 2, 3), (2, 3, 1, 1), 1, 0),
    "1x1, stride 2": ((2, 3, 3, 4), (2, 3, 1, 1), 2, 0),
    "1x1, padded": ((1, 2, 2, 2), (2, 2, 1, 1), 1, 1),
    "even kernel": ((2, 2, 3, 4), (2, 2, 2, 4), 1, 1),
    "a row": ((1, 2, 2, 5), (2, 2, 1, 3), 1, 0),
    "a column": ((1, 2, 5, 2), (2, 2, 3, 1), 1, 0),
    "padding beyond the kernel": ((1, 1, 2, 2), (1, 1, 2, 2), 1, 3),
    "kernel of the image's size": ((2, 2, 3, 2), (2, 2, 3, 2), 1, 0),
    "an empty batch": ((0, 2, 3, 3), (2, 2, 2, 2), 1, 0),
}


def convolutions() -> Iterator[Row]:
    for case, (images, kernels, stride, padding) in CONVOLUTIONS.items():
        options = {"stride": stride, "padding": padding}
        rule = lambda torch, x, w, b=None, o=options: torch.nn.functional.conv2d(x, w, b, **o)
        yield Row("conv2d", case, (real(*images), real(*kernels), real(kernels[0])), rule, options)
        if case in {"same size", "stride 2"}:
            yield Row("conv2d", f"{case}, no bias", (real(*images), real(*kernels)), rule, options)


POOLS = {  # images, kernel, stride, padding
    "2x2": ((2, 2, 4, 6), 2, 2, 0),
    "2x2, a row and a column left over": ((1, 2, 5, 5), 2, 2, 0),
    "3x3, overlapping": ((2, 1, 5, 6), 3, 2, 0),
    "3x3, padded": ((1, 2, 4, 5), 3, 2, 1),
    "every window": ((1, 1, 4, 4), 2, 1, 1),
    "2x3": ((1, 2, 4, 6), (2, 3), (2, 3), 0),
    "3x2, stride of each axis": ((1, 2, 5, 6), (3, 2), (1, 2), 1),
    "gaps": ((1, 1, 5, 7), 2, 3, 0),
    "1x1": ((1, 2, 2, 2), 1, 1, 0),
    "all": ((2, 2, 3, 4), (3, 4), (3, 4), 0),
    "an empty batch": ((0, 2, 4, 4), 2, 2, 0),
}


def pools() -> Iterator[Row]:
    for op in ("max_pool2d", "avg_pool2d"):
        for case, (images, kernel, stride, padding) in POOLS.items():
            options = {"kernel_size": kernel, "stride": stride, "padding": padding}
            yield Row(op, case, (real(*images),), pool(op, **options), options)
        yield Row(op, "the kernel's stride", (real(1, 2, 6, 4),), pool(op, kernel_size=2), {"kernel_size": 2})
    ties = lambda _: np.array([[[[1.0, 1.0, 2.0], [1.0, 2.0, 2.0], [0.0, 2.0, 2.0]]]])
    for stride in (1, 2):
        options = {"kernel_size": 2, "stride": stride}
        yield Row("max_pool2d", f"ties, stride {stride}", (ties,), pool("max_pool2d", **options), options, smooth=False)


def pool(op, kernel_size, stride=None, padding=0):
    return lambda torch, x: getattr(torch.nn.functional, op)(x, kernel_size, stride, padding)


def batch_norms() -> Iterator[Row]:
    for shape in [(3, 2, 2, 3), (2, 3, 1, 1), (4, 2), (1, 2, 3, 2), (2, 2, 3)]:
        inputs = (real(*shape), real(shape[1]), real(shape[1]))
        yield Row("batch_norm", f"shape {shape}", inputs, batch_norm)
    inputs = (real(3, 2, 2, 3), real(2), real(2))
    options = {"mean": None, "variance": None, "eps": 0.5}
    yield Row("batch_norm", "a large eps", inputs, lambda torch, *x: batch_norm(torch, *x, eps=0.5), options)
    mean, variance = real(2)(1), positive(2)(2)
    fixed = {"mean": mean, "variance": variance}
    rule = lambda torch, *x: batch_norm(torch, *x, mean=torch.tensor(mean), variance=torch.tensor(variance))
    for shape in [(3, 2, 2, 3), (0, 2, 2, 2), (1, 2)]:
        yield Row(
            "batch_norm", f"fixed, shape {shape}", (real(*shape), real(2), real(2)), rule, fixed, keeps_dtype=False
        )
    constant = lambda _: np.array([[2.0, 1.0], [2.0, 3.0]])
    yield Row("batch_norm", "a constant channel", (constant, exactly(1, 2), real(2)), batch_norm, smooth=False)


def batch_norm(torch, x, gamma, beta, mean=None, variance=None, eps=1e-5):
    if mean is not None:
        mean, variance = mean.to(x.dtype), variance.to(x.dtype)
    return torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, training=mean is None, eps=eps)


FAMILIES = (convolutions, pools, batch_norms)
