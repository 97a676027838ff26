"""Tiles of weights of four bits: two in a byte, unpacked in registers, in groups with a scale of their own.

A tile is `rows × vectors` results. In each group, whole numbers are summed exactly, and then join the floats by their
scales. The form of the product is read off the kind of `sizes`: int64 for VNNI, int32 for AVX2, int16 for any machine.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinytorch.perf.kernels.tiles import F32, I8, I16, I32, I64, Tile, VnniStep, floored

__all__ = ["nibble_tile"]


class VnniDot:
    """Four unsigned by four signed bytes in each lane, in one instruction."""

    lanes = 16

    @staticmethod
    def add(tile, old, weights, x):
        return VnniStep.add(tile, old, tile.b.bitcast(weights, tile.kind), x)


class Avx2Dot:
    """The same in three: nibbles are too small for sums of two products to leave int16."""

    lanes = 8

    @staticmethod
    def add(tile, old, weights, x):
        b, halves, bytes_of = tile.b, ir.VectorType(I16, 16), ir.VectorType(I8, 32)
        pairs = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(halves, [bytes_of, bytes_of]), "llvm.x86.avx2.pmadd.ub.sw"
        )
        sums = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(tile.kind, [halves, halves]), "llvm.x86.avx2.pmadd.wd"
        )
        products = b.call(pairs, [weights, b.bitcast(x, bytes_of)])
        return b.add(old, b.call(sums, [products, ir.Constant(halves, [1] * 16)]))


class PlainDot:
    """One product after the other in each lane."""

    lanes = 8

    @staticmethod
    def add(tile, old, weights, x):
        b, words = tile.b, tile.b.bitcast(weights, tile.kind)
        fixed = lambda value: ir.Constant(tile.kind, [value] * tile.kind.count)
        for byte in range(4):
            weight = b.and_(b.lshr(words, fixed(8 * byte)), fixed(255))
            number = b.ashr(b.shl(x, fixed(24 - 8 * byte)), fixed(24))
            old = b.add(old, b.mul(weight, number))
        return old


DOTS = {types.int64: VnniDot, types.int32: Avx2Dot, types.int16: PlainDot}


@intrinsic(prefer_literal=True)
def nibble_tile(context, sizes, rows, vectors, at):
    """Do one tile.

    `at` is the first row of activations and the bytes of a row; the first row's scales, the starts of its sums and the
    bytes of a row of either; the first panel of weights and its bytes; the scales of the panel and their bytes; groups;
    steps of a group, eight inputs each; biases, is relu, out, bytes a row.
    """
    del context
    shape, dot = (rows.literal_value, vectors.literal_value), DOTS[sizes.dtype]

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[3], 15)
        tile = Tile(builder, shape, ir.VectorType(I32, dot.lanes))
        floats = _groups(tile, dot, where)
        biases, is_relu, out, out_stride = where[11:]
        keeps, kind = builder.icmp_signed("==", is_relu, I64(0)), ir.VectorType(F32, dot.lanes)
        for r, line in enumerate(floats):
            row = builder.add(out, builder.mul(out_stride, I64(r)))
            for v, value in enumerate(line):
                place = 4 * dot.lanes * v
                tile.store(floored(tile, builder.fadd(value, tile.load(biases, kind, place)), keeps), row, place)
        return context.get_dummy_value()

    return types.void(sizes, rows, vectors, at), generate


def _groups(tile, dot, where):
    """Walk the groups, and give rows of vectors of floats."""
    x, x_stride, units, starts, unit_stride, w, panel, scales, scale_panel, groups, steps = where[:11]
    b, kind = tile.b, ir.VectorType(F32, dot.lanes)
    zero, pairs = ir.Constant(kind, [0.0] * dot.lanes), [(r, v) for r in range(tile.rows) for v in range(tile.vectors)]
    before, loop, after = b.block, b.append_basic_block("groups"), b.append_basic_block("grouped")
    b.branch(loop)
    b.position_at_end(loop)
    group = b.phi(I64)
    totals = {pair: b.phi(kind) for pair in pairs}
    row_at = lambda base, r: b.add(base, b.add(b.mul(unit_stride, I64(r)), b.shl(group, I64(2))))
    first = [tile.splat(tile.load(row_at(starts, r), I32)) for r in range(tile.rows)]
    done = b.mul(group, steps)
    places = [b.add(b.add(x, b.mul(x_stride, I64(r))), b.shl(done, I64(3))) for r in range(tile.rows)]
    panels = [b.add(b.add(w, b.mul(panel, I64(v))), b.mul(done, I64(4 * dot.lanes))) for v in range(tile.vectors)]
    sums = _steps(tile, dot, (places, panels, steps, first))
    grown = {}
    for v in range(tile.vectors):
        place = b.add(b.add(scales, b.mul(scale_panel, I64(v))), b.mul(group, I64(2 * dot.lanes)))
        scale = _unshortened(tile, place)
        for r in range(tile.rows):
            unit = tile.splat(tile.load(row_at(units, r), F32))
            part = b.fmul(b.sitofp(sums[r, v], kind), b.fmul(unit, scale))
            grown[r, v] = b.fadd(totals[r, v], part)
    following = b.add(group, I64(1))
    group.add_incoming(I64(0), before)
    group.add_incoming(following, b.block)
    for pair in pairs:
        totals[pair].add_incoming(zero, before)
        totals[pair].add_incoming(grown[pair], b.block)
    b.cbranch(b.icmp_signed("<", following, groups), loop, after)
    b.position_at_end(after)
    return [[grown[r, v] for v in range(tile.vectors)] for r in range(tile.rows)]


def _unshortened(tile, place):
    """Load scales of sixteen bits as floats: they are the upper halves."""
    lanes = tile.kind.count
    words = tile.b.zext(tile.load(place, ir.VectorType(I16, lanes)), tile.kind)
    return tile.b.bitcast(tile.b.shl(words, ir.Constant(tile.kind, [16] * lanes)), ir.VectorType(F32, lanes))


def _steps(tile, dot, what):
    """Sum whole numbers over the steps of one group."""
    places, panels, steps, first = what
    b, lanes = tile.b, dot.lanes
    kind = ir.VectorType(I8, 4 * lanes)
    fixed = lambda value: ir.Constant(kind, [value] * (4 * lanes))
    before, loop, after = b.block, b.append_basic_block("steps"), b.append_basic_block("stepped")
    b.branch(loop)
    b.position_at_end(loop)
    step = b.phi(I64)
    sums = {(r, v): b.phi(tile.kind) for r in range(tile.rows) for v in range(tile.vectors)}
    packed = [tile.load(b.add(panel, b.mul(step, I64(4 * lanes))), kind) for panel in panels]
    halves = [(b.and_(each, fixed(15)), b.lshr(each, fixed(4))) for each in packed]
    grown = {}
    for r, place in enumerate(places):
        here = b.add(place, b.shl(step, I64(3)))
        low, high = (tile.splat(tile.load(here, I32, offset)) for offset in (0, 4))
        for v, (even, odd) in enumerate(halves):
            grown[r, v] = dot.add(tile, dot.add(tile, sums[r, v], even, low), odd, high)
    following = b.add(step, I64(1))
    step.add_incoming(I64(0), before)
    step.add_incoming(following, loop)
    for (r, v), old in sums.items():
        old.add_incoming(first[r], before)
        old.add_incoming(grown[r, v], loop)
    b.cbranch(b.icmp_signed("<", following, steps), loop, after)
    b.position_at_end(after)
    return grown
