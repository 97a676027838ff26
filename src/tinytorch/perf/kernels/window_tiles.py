"""The tiles of convolution and of its weights' gradient, the copy that they read from, and pooling, in LLVM's vectors.

Both walk over *planes*: an image's channel copied once per column of the kernel, so that the windows' elements of one
place in the kernel lie side by side, whatever the row. A vector holds neighbouring windows. The last one of a channel
may not be full; what lies beyond is neither stored nor summed.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinytorch.perf.kernels.tiles import F32, I32, I64, FloatStep, Tile

__all__ = ["copy_lanes", "correlation_tile", "pool_gradient_lanes", "pool_lanes", "product_tile", "sizes"]


def sizes(lanes):
    """List the tiles there are, as (rows, vectors): sums and what they are made of fit the registers."""
    most = {8: 3, 6: 4, 4: 4, 2: 4, 1: 8} if lanes == 16 else {4: 3, 2: 3, 1: 3}
    return [(rows, vectors) for rows, widest in most.items() for vectors in range(1, widest + 1)]


def _chosen(builder, layout, size):
    """Give every tile there is, to be written; at run time one of them is gone through, the one of that size."""
    rows, vectors = cgutils.unpack_tuple(builder, size, 2)
    after = builder.append_basic_block("after")
    choice = builder.switch(builder.add(builder.shl(rows, I64(4)), vectors), after)
    for shape in sizes(_lanes(layout)):
        block = builder.append_basic_block("tile")
        choice.add_case(I64(16 * shape[0] + shape[1]), block)
        builder.position_at_end(block)
        yield _tile(builder, layout, shape)
        builder.branch(after)
    builder.position_at_end(after)


def _lanes(layout):
    return 16 if layout.dtype == types.int64 else 8


def _tile(builder, layout, shape):
    return Tile(builder, shape, ir.VectorType(F32, _lanes(layout)))


def _between(tile, low, high):
    """Make a mask of the lanes from `low` on and below `high`."""
    kind = ir.VectorType(I32, tile.kind.count)
    numbers = ir.Constant(kind, list(range(tile.kind.count)))
    first, end = (tile.splat(tile.b.trunc(limit, I32)) for limit in (low, high))
    return tile.b.and_(tile.b.icmp_signed(">=", numbers, first), tile.b.icmp_signed("<", numbers, end))


def _masked(tile, verb, result, *arguments):
    """Call LLVM's masked load or store: lanes that are masked out touch no memory."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    name = f"llvm.masked.{verb}.v{tile.kind.count}f32.p0"
    return tile.b.call(cgutils.get_or_insert_function(tile.b.module, kind, name), arguments)


def _load_some(tile, address, mask):
    """Load the lanes of a mask, and zeros."""
    pointer = tile.b.inttoptr(address, tile.kind.as_pointer())
    return _masked(tile, "load", tile.kind, pointer, I32(1), mask, ir.Constant(tile.kind, None))


def _store_some(tile, value, address, mask):
    pointer = tile.b.inttoptr(address, tile.kind.as_pointer())
    _masked(tile, "store", ir.VoidType(), value, pointer, I32(1), mask)


@intrinsic
def copy_lanes(context, layout, at):
    """Copy one vector: `at` is source, the first lane that is there, the first one after, target; zeros elsewhere."""
    del context

    def generate(context, builder, signature, arguments):
        del signature
        source, low, high, target = cgutils.unpack_tuple(builder, arguments[1], 4)
        tile = _tile(builder, layout, (1, 1))
        tile.store(_load_some(tile, source, _between(tile, low, high)), target)
        return context.get_dummy_value()

    return types.void(layout, at), generate


@intrinsic
def correlation_tile(context, layout, size, at):
    """Do as many vectors of windows of as many channels of results as `size`, (rows, vectors), says: one of `sizes`.

    `at` is x, the address of the offsets into it (one a step, in bytes), steps, w (`rows` numbers a step), biases,
    out, bytes from a channel of results to the next, lanes of the last vector that are windows.
    """
    del context

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[2], 8)
        for tile in _chosen(builder, layout, arguments[1]):
            _correlate(tile, where)
        return context.get_dummy_value()

    return types.void(layout, size, at), generate


def _correlate(tile, where):
    x, offsets, steps, w, biases, out, out_step, lanes = where
    b = tile.b
    starts = [tile.splat(tile.load(biases, F32, 4 * r)) for r in range(tile.rows)]
    sums = [[cgutils.alloca_once_value(b, start) for _ in range(tile.vectors)] for start in starts]
    with cgutils.for_range(b, steps, intp=I64) as loop:
        here = b.add(x, tile.load(b.add(offsets, b.shl(loop.index, I64(3))), I64))
        weights = b.add(w, b.mul(loop.index, I64(4 * tile.rows)))
        pixels = [tile.load(here, tile.kind, 4 * tile.kind.count * v) for v in range(tile.vectors)]
        for r, line in enumerate(sums):
            weight = tile.splat(tile.load(weights, F32, 4 * r))
            for place, pixel in zip(line, pixels, strict=True):
                b.store(FloatStep.add(tile, b.load(place), weight, pixel), place)
    _store_windows(tile, sums, (out, out_step), lanes)


def _store_windows(tile, sums, out, lanes):
    mask = _between(tile, I64(0), lanes)
    for r, line in enumerate(sums):
        row = tile.b.add(out[0], tile.b.mul(out[1], I64(r)))
        for v, place in enumerate(line[:-1]):
            tile.store(tile.b.load(place), row, 4 * tile.kind.count * v)
        last = tile.b.add(row, I64(4 * tile.kind.count * (tile.vectors - 1)))
        _store_some(tile, tile.b.load(line[-1]), last, mask)


@intrinsic
def product_tile(context, layout, size, at):
    """Add up the products of some rows with some others, as `size` says, lane by lane, over several images.

    `at` is g, bytes from its row to the next, bytes from its image to the next, x, the address of the offsets into it
    (one a row, in bytes), bytes from its image to the next, images, full vectors of a row, lanes of one more, out:
    the sums, row by row, in whole vectors, are added to what is there.
    """
    del context

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[2], 10)
        for tile in _chosen(builder, layout, arguments[1]):
            _multiply(tile, where)
        return context.get_dummy_value()

    return types.void(layout, size, at), generate


def _multiply(tile, where):
    g, g_row, g_image, x, offsets, x_image, images, steps, lanes, out = where
    b, width = tile.b, 4 * tile.kind.count
    zero = ir.Constant(tile.kind, None)
    sums = [[cgutils.alloca_once_value(b, zero) for _ in range(tile.vectors)] for _ in range(tile.rows)]
    mask, some = _between(tile, I64(0), lanes), b.icmp_signed(">", lanes, I64(0))
    apart = [tile.load(offsets, I64, 8 * v) for v in range(tile.vectors)]
    with cgutils.for_range(b, images, intp=I64) as loop:
        base = b.add(g, b.mul(g_image, loop.index))
        left = [b.add(base, b.mul(g_row, I64(r))) for r in range(tile.rows)]
        base = b.add(x, b.mul(x_image, loop.index))
        right = [b.add(base, offset) for offset in apart]
        with cgutils.for_range(b, steps, intp=I64) as inner:
            there = b.mul(inner.index, I64(width))
            _add_products(tile, sums, (left, right), there, lambda at: tile.load(at, tile.kind))
        with b.if_then(some):
            _add_products(tile, sums, (left, right), b.mul(steps, I64(width)), lambda at: _load_some(tile, at, mask))
    for index, whole in enumerate(_totals(tile, [b.load(place) for line in sums for place in line])):
        tile.store(b.fadd(tile.load(out, tile.kind, width * index), whole), out, width * index)


def _add_products(tile, sums, sides, there, load):
    left, right = ([load(tile.b.add(address, there)) for address in side] for side in sides)
    for line, a in zip(sums, left, strict=True):
        for place, b in zip(line, right, strict=True):
            tile.b.store(FloatStep.add(tile, tile.b.load(place), a, b), place)


def _totals(tile, vectors):
    """Add up each vector, and give the totals in their order, in whole vectors.

    Two vectors are folded into one, half of which belongs to either, until every lane is a total.
    """
    count = tile.kind.count
    vectors = vectors + [ir.Constant(tile.kind, None)] * (-len(vectors) % count)
    half = count // 2
    while half:
        lows = [lane for lane in range(2 * count) if lane % (2 * half) < half]
        order = [ir.Constant(ir.VectorType(I32, count), [lane + shift for lane in lows]) for shift in (0, half)]
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [tile.b.fadd(*(tile.b.shuffle_vector(a, b, lanes) for lanes in order)) for a, b in pairs]
        half //= 2
    return vectors


@intrinsic
def pool_lanes(context, layout, at):
    """Pool windows of 2x2, up to a vector of them: `at` is the upper row, the lower one, how many, and where to."""
    del context

    def generate(context, builder, signature, arguments):
        del signature
        upper, lower, count, out = cgutils.unpack_tuple(builder, arguments[1], 4)
        tile = _tile(builder, layout, (1, 1))
        rows = [_larger(tile, *_pairs(tile, row, count)) for row in (upper, lower)]
        _store_some(tile, _larger(tile, *rows), out, _between(tile, I64(0), count))
        return context.get_dummy_value()

    return types.void(layout, at), generate


@intrinsic
def pool_gradient_lanes(context, layout, at):
    """Hand gradients to the first of the largest: `at` is the upper row, the lower one, g, how many, and two rows out.

    A row of a window that has its largest element is known by `==`, and so is an element of a row. NaN equals nothing:
    then it is the last one, as in the op. All others get the product with 0, as in the op.
    """
    del context

    def generate(context, builder, signature, arguments):
        del signature
        upper, lower, g, count, first, second = cgutils.unpack_tuple(builder, arguments[1], 6)
        tile = _tile(builder, layout, (1, 1))
        pairs = [_pairs(tile, row, count) for row in (upper, lower)]
        largest = [_larger(tile, *pair) for pair in pairs]
        given = _load_some(tile, g, _between(tile, I64(0), count))
        shares = _shared(tile, given, largest[0], _larger(tile, *largest))
        for share, pair, top, out in zip(shares, pairs, largest, (first, second), strict=True):
            _store_pairs(tile, _shared(tile, share, pair[0], top), out, count)
        return context.get_dummy_value()

    return types.void(layout, at), generate


def _larger(tile, a, b):
    """Give the larger of two; NaN if one is, as NumPy's maximum."""
    is_a = tile.b.or_(tile.b.fcmp_ordered(">", a, b), tile.b.fcmp_unordered("uno", a, a))
    return tile.b.select(is_a, a, b)


def _shared(tile, given, first, top):
    """Give the first of two what is given if it is the top, else the second; the other one gets 0 times it."""
    zero, one = (ir.Constant(tile.kind, [number] * tile.kind.count) for number in (0.0, 1.0))
    is_first = tile.b.fcmp_ordered("==", first, top)
    return [tile.b.fmul(given, tile.b.select(is_first, *gates)) for gates in ((one, zero), (zero, one))]


def _halves(tile, count):
    """Give the offsets and the masks of the two vectors that `count` pairs fill."""
    width = tile.kind.count
    doubled = tile.b.shl(count, I64(1))
    return [(4 * width * v, _between(tile, I64(0), tile.b.sub(doubled, I64(width * v)))) for v in (0, 1)]


def _pairs(tile, row, count):
    """Load pairs: the first of each, and the second of each."""
    width = tile.kind.count
    halves = [_load_some(tile, tile.b.add(row, I64(at)), mask) for at, mask in _halves(tile, count)]
    orders = ([2 * lane + side for lane in range(width)] for side in (0, 1))
    return [tile.b.shuffle_vector(*halves, ir.Constant(ir.VectorType(I32, width), order)) for order in orders]


def _store_pairs(tile, pairs, row, count):
    width = tile.kind.count
    for v, (at, mask) in enumerate(_halves(tile, count)):
        order = [(lane + v * width) // 2 + (lane % 2) * width for lane in range(width)]
        whole = tile.b.shuffle_vector(*pairs, ir.Constant(ir.VectorType(I32, width), order))
        _store_some(tile, whole, tile.b.add(row, I64(at)), mask)
