"""Tiles of bytes whose weights are the broadcast side: convolutions, where a vector is made of windows side by side.

As in `tiles`, a tile is `rows × vectors` sums that stay in registers; the form of the product is read off the kind of
the weights: int8 for VNNI, int16 for pairs, int32 for the plain form. Activations are the vectors here.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinytorch.perf.kernels.tiles import F32, I8, I16, I32, I64, PairStep, PlainStep, Tile, VnniStep, floored

__all__ = ["copy_group", "copy_groups", "larger_pairs", "window_tile"]


class WindowStep(VnniStep):
    """Four unsigned bytes of activations by four signed ones of weights in each lane."""

    @staticmethod
    def add(tile, old, x, w):
        return VnniStep.add(tile, old, w, x)


STEPS = {types.int8: (WindowStep, 16, I32), types.int16: (PairStep, 8, I16), types.int32: (PlainStep, 8, I8)}


@intrinsic
def copy_group(context, kernels, source, target):
    """Copy what one lane multiplies at once, from any address to any."""
    del context
    kind = STEPS[kernels.dtype][2]

    def generate(context, builder, signature, arguments):
        del signature
        pointers = [builder.inttoptr(address, kind.as_pointer()) for address in arguments[1:]]
        builder.store(builder.load(pointers[0], align=1), pointers[1], align=1)
        return context.get_dummy_value()

    return types.void(kernels, source, target), generate


@intrinsic
def copy_groups(context, kernels, source, target):
    """Do what `copy_group` does for a vector of windows that are one column apart; it reads beyond the last."""
    del context
    step, lanes, _ = STEPS[kernels.dtype]
    read, written = ir.VectorType(I8, 2 * lanes), step.width * lanes

    def generate(context, builder, signature, arguments):
        del signature
        columns = builder.load(builder.inttoptr(arguments[1], read.as_pointer()), align=1)
        picks = [lane + column for lane in range(lanes) for column in range(step.width)]
        mask = ir.Constant(ir.VectorType(I32, written), picks)
        spread = builder.shuffle_vector(columns, ir.Constant(read, ir.Undefined), mask)
        builder.store(spread, builder.inttoptr(arguments[2], spread.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(kernels, source, target), generate


@intrinsic
def larger_pairs(context, kernels, above, below, target):
    """Give the largest of each two columns of two lines, a vector of them; an image has no NaN, or nothing else."""
    del context
    lanes = STEPS[kernels.dtype][1]
    kind, picks = ir.VectorType(F32, lanes), ir.VectorType(I32, lanes)

    def generate(context, builder, signature, arguments):
        del signature
        tile = Tile(builder, (1, 1), kind)
        larger = lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b)
        halves = [larger(*(tile.load(line, kind, at) for line in arguments[1:3])) for at in (0, 4 * lanes)]
        even, odd = (ir.Constant(picks, [2 * i + first for i in range(lanes)]) for first in (0, 1))
        tile.store(larger(builder.shuffle_vector(*halves, even), builder.shuffle_vector(*halves, odd)), arguments[3])
        return context.get_dummy_value()

    return types.void(kernels, above, below, target), generate


@intrinsic(prefer_literal=True)
def window_tile(context, kernels, rows, vectors, at):
    """Do one tile: as many kernels as rows, on windows side by side.

    `at` is the first kernel, bytes a kernel, the first windows, bytes a step, steps, starts of the sums, scales and
    biases of the kernels, the scale of the activations (0: give the sums themselves), is relu, out, bytes a row.
    """
    del context
    shape, (step, lanes, _) = (rows.literal_value, vectors.literal_value), STEPS[kernels.dtype]

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[3], 12)
        tile = Tile(builder, shape, ir.VectorType(I32, lanes))
        sums = _walk(tile, step, where)
        with builder.if_else(builder.icmp_signed("==", where[8], I64(0))) as (exact, scaled):
            with exact:
                for value, address in _places(tile, sums, where):
                    tile.store(value, address)
            with scaled:
                _store(tile, sums, where)
        return context.get_dummy_value()

    return types.void(kernels, rows, vectors, at), generate


def _walk(tile, step, where):
    """Sum over the steps, each row from a start of its own."""
    kernels, stride, windows, jump, count, start = where[:6]
    b, width = tile.b, step.width * tile.kind.count
    first = [tile.splat(tile.load(start, I32, 4 * r)) for r in range(tile.rows)]
    own = [b.add(kernels, b.mul(stride, I64(r))) for r in range(tile.rows)]
    before, loop, after = b.block, b.append_basic_block("windows"), b.append_basic_block("summed")
    b.branch(loop)
    b.position_at_end(loop)
    index, place = b.phi(I64), b.phi(I64)
    sums = [[b.phi(tile.kind) for _ in range(tile.vectors)] for _ in range(tile.rows)]
    loaded = [step.load(tile, place, width * v) for v in range(tile.vectors)]
    offset = b.shl(index, I64(2))
    weights = [tile.splat(step.read(tile, b.add(row, offset))) for row in own]
    grown = [
        [step.add(tile, old, weight, loaded[v]) for v, old in enumerate(line)]
        for weight, line in zip(weights, sums, strict=True)
    ]
    following = b.add(index, I64(1))
    index.add_incoming(I64(0), before)
    index.add_incoming(following, loop)
    place.add_incoming(windows, before)
    place.add_incoming(b.add(place, jump), loop)
    for r, line in enumerate(sums):
        for v, old in enumerate(line):
            old.add_incoming(first[r], before)
            old.add_incoming(grown[r][v], loop)
    b.cbranch(b.icmp_signed("<", following, count), loop, after)
    b.position_at_end(after)
    return grown


def _places(tile, sums, where):
    out, out_stride = where[10:]
    for r, line in enumerate(sums):
        row = tile.b.add(out, tile.b.mul(out_stride, I64(r)))
        for v, value in enumerate(line):
            yield value, tile.b.add(row, I64(4 * tile.kind.count * v))


def _store(tile, sums, where):
    scales, biases, own, is_relu = where[6:10]
    b, floats = tile.b, ir.VectorType(F32, tile.kind.count)
    keeps, unit = b.icmp_signed("==", is_relu, I64(0)), tile.load(own, F32)
    for position, (value, address) in enumerate(_places(tile, sums, where)):
        row = position // tile.vectors
        scale = tile.splat(b.fmul(unit, tile.load(scales, F32, 4 * row)))
        result = b.fadd(b.fmul(b.sitofp(value, floats), scale), tile.splat(tile.load(biases, F32, 4 * row)))
        tile.store(floored(tile, result, keeps), address)
