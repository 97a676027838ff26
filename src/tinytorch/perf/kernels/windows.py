"""How the compiled convolutions cut their work: planes that stay in the cache, and the table of offsets into them.

Images are laid out line by line, each channel once per column of the kernel (and once per remainder of its rows modulo
the stride), so that an element of the kernel sees all windows as one run of floats:

    result     (O, K) times the runs of K elements, sums in registers while K is walked
    weights'   every channel of the results' gradient times every run, sums in registers while windows are walked
    images'    the correlation of the results' gradient with the kernels turned round, once per remainder

The op `conv2d` defines what is computed.

Source:
    E. Georganas et al. (2018), Anatomy of High-Performance Deep Learning Convolutions on SIMD Architectures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.crew import share
from tinytorch.perf.kernels.dense import Floats, aligned
from tinytorch.perf.kernels.threads import thread_count

__all__ = ["Windows", "compiled", "correlate", "weight_gradient"]

LINE = 16  # floats of a cache line, by which planes are rounded up
PLANE_BYTES = 1 << 19  # of all planes of one image that are worked on at a time
ROWS_BYTES = 1 << 15  # of the rows of gradients that a tile goes through, several images if they are small
MOST_ROWS = 8
PLANS = 256
KEPT_BYTES = 1 << 23  # of scratch memory a part
SHARED = 4_000_000  # products from which on a second thread pays


@dataclass(frozen=True)
class Windows:
    """Where windows lie on images.

    Attributes:
        channels: Of the images.
        kernel: Height and width.
        counts: How many windows there are down and across.
        padding: Lines above and columns in front of the first window's; negative if it starts inside.
        stride: From one window to the next.
    """

    channels: int
    kernel: tuple[int, int]
    counts: tuple[int, int]
    padding: tuple[int, int]
    stride: int = 1

    @property
    def length(self) -> int:
        """How many elements a window has."""
        return self.channels * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True, eq=False)
class Plan:
    """The cut work.

    Attributes:
        geometry: As the compiled functions take it.
        floats: Of the planes of one image.
    """

    geometry: NDArray[np.int64]
    floats: int


@lru_cache(PLANS)
def _plan(windows: Windows, lines: int, images: int) -> Plan:
    (height, width), stride = windows.kernel, windows.stride
    remainders, across = min(stride, height), windows.counts[1]
    rows = lines + (height - 1) // stride
    size = (-(-rows * across // LINE) | 1) * LINE  # an odd number of cache lines: planes do not compete for places
    channel, i, j = np.indices((windows.channels, height, width)).reshape(3, -1)
    plane = (channel * width + j) * remainders + i % stride
    floats = windows.channels * width * remainders * size + LINE  # the last line is written over its end
    offsets = np.append(4 * (plane * size + i // stride * across), 4 * floats)
    geometry = [height, width, stride, *windows.padding, across, rows, size, remainders, lines, images]
    return Plan(np.array([*geometry, *offsets], np.int64), floats + size)


def _lines(windows: Windows, most: int) -> int:
    """Give how many lines of windows fit so many bytes of planes."""
    line = 4 * windows.channels * windows.kernel[1] * windows.counts[1]
    fitting = most // (line * windows.stride) - windows.kernel[0]
    parts = -(-windows.counts[0] // max(fitting, 4))
    return -(-windows.counts[0] // parts)


def correlate(x: Floats, kernels: Floats, bias: Floats, windows: Windows) -> Floats:
    """Correlate images with kernels.

    Args:
        x: (N, C, H, W), contiguous.
        kernels: (O, K), contiguous: an element of a window a column.
        bias: (O,).
        windows: Where they lie.

    Returns:
        (N, O, rows, columns).
    """
    plan = _plan(windows, _lines(windows, PLANE_BYTES), 1)
    layout, kernel = compiled("correlation", forms.lanes())
    out = np.empty((len(x), len(kernels), *windows.counts), np.float32)
    flat, memory = out.reshape(*out.shape[:2], -1), _scratch(kernels.size + plan.floats + 8 * LINE)
    alone = out.size * windows.length < SHARED
    share(kernel, len(x), x, kernels, bias, layout, plan.geometry, memory, flat, alone=alone)
    return out


def weight_gradient(x: Floats, g: Floats, windows: Windows, *, biased: bool) -> Floats:
    """Find the gradient of the kernels.

    Args:
        x: (N, C, H, W), contiguous.
        g: (N, O, rows, columns), contiguous: the gradient of the results.
        windows: Where they lie.
        biased: Whether the gradient of biases is wanted, too.

    Returns:
        (O, K), or (O, K + 1) with that of the biases in the last column.
    """
    row = 4 * MOST_ROWS * windows.counts[1]
    lines = min(_lines(windows, PLANE_BYTES), max(ROWS_BYTES // row, 1))
    images = max(1, min(ROWS_BYTES // (row * lines), len(x)))
    plan = _plan(windows, lines, images)
    layout, kernel = compiled("weight_gradient", forms.lanes())
    flat, width = g.reshape(*g.shape[:2], -1), windows.length + biased
    floats = images * (plan.floats + MOST_ROWS * (lines * windows.counts[1] + LINE))
    floats += (2 * flat.shape[1] + LINE) * (width + LINE)  # at most, as the sums of a tile are whole vectors
    found = np.empty((thread_count(), flat.shape[1], width), np.float32)
    memory, alone = _scratch(floats + 8 * LINE), g.size * width < SHARED
    for part in range(1, share(kernel, len(x), x, flat, layout, plan.geometry, memory, found, alone=alone)):
        found[0] += found[part]
    return found[0]


class Scratch(threading.local):
    """What one thread shares work in, kept from call to call: fresh pages would cost more than what is done on them."""

    floats: Floats = np.zeros(0, np.float32)


scratch = Scratch()


def _scratch(count: int) -> Floats:
    """Give so many floats for each part of the work, from a cache line on.

    They are finite numbers: beyond the windows they are computed with.
    """
    threads = thread_count()
    shape = threads, -(-count // LINE) * LINE
    floats, size = scratch.floats, shape[0] * shape[1]
    if floats.size < size:
        floats = aligned((size,), np.float32)
        floats[:] = 0
        if floats.nbytes <= KEPT_BYTES * threads:
            scratch.floats = floats
    return floats[:size].reshape(shape)


@cache
def compiled(name: str, lanes: int) -> tuple[NDArray[Any], Callable[..., None]]:
    """Give what says the width of vectors, and a kernel compiled for it or loaded from disk."""
    from tinytorch.perf.kernels import compiled_windows

    layout = np.zeros(1, np.int64 if lanes == 16 else np.int32)
    return layout, getattr(compiled_windows, name)(layout.itemsize)
