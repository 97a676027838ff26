"""The tile of matrix products whose factors lie in any way, in LLVM's vectors: sums that stay in registers.

Where the tile of `tiles.py` walks along rows, this one is told the way: so it multiplies by a transposed matrix where
it lies, and adds to what is there.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinytorch.perf.kernels.tiles import F32, I64, Tile

__all__ = ["strided_tile"]


def sizes(lanes):
    """List the tiles there are, as (rows, vectors): sums and what they are made of fit the registers."""
    if lanes == 16:
        return [(rows, vectors) for vectors in (4, 2, 1) for rows in (12, 6, 4, 2, 1)][1:]
    return [(rows, vectors) for rows in (6, 4, 2, 1) for vectors in (2, 1)]


@intrinsic
def strided_tile(context, layout, shape, at):
    """Write or add to one tile of sums of products.

    Args:
        context: Numba's.
        layout: An array whose kind says the width of vectors: int64 for 16 floats, int32 for 8.
        shape: Rows and vectors; one of `sizes`.
        at: Addresses, and distances in bytes: the single factors, from one row of sums to the next, from one step to
            the next; the vectors of factors, from one step to the next; how many steps, at least one; where the sums
            start from, from one row to the next; where they go, from one row to the next.
    """
    del context

    def generate(context, builder, signature, arguments):
        del signature
        lanes = 16 if layout.dtype == types.int64 else 8
        rows, vectors = cgutils.unpack_tuple(builder, arguments[1], 2)
        where = cgutils.unpack_tuple(builder, arguments[2], 10)
        after = builder.append_basic_block("after")
        choice = builder.switch(builder.add(builder.shl(rows, I64(4)), vectors), after)
        for size in sizes(lanes):
            block = builder.append_basic_block("tile")
            choice.add_case(I64(16 * size[0] + size[1]), block)
            builder.position_at_end(block)
            _write_tile(Tile(builder, size, ir.VectorType(F32, lanes)), where)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(layout, shape, at), generate


def _write_tile(tile, where):
    x, row, x_step, w, w_step, count, start, start_row, out, out_row = where
    b, width = tile.b, 4 * tile.kind.count
    first = [
        [tile.load(b.add(start, b.mul(start_row, I64(r))), tile.kind, width * v) for v in range(tile.vectors)]
        for r in range(tile.rows)
    ]
    before, loop, after = b.block, b.append_basic_block("walk"), b.append_basic_block("walked")
    b.branch(loop)
    b.position_at_end(loop)
    index, single, vector = b.phi(I64), b.phi(I64), b.phi(I64)
    sums = [[b.phi(tile.kind) for _ in line] for line in first]
    loaded = [tile.load(vector, tile.kind, width * v) for v in range(tile.vectors)]
    grown = []
    for r, line in enumerate(sums):
        each = tile.splat(tile.load(b.add(single, b.mul(row, I64(r))), F32))
        grown.append([_grown(b, old, each, of) for old, of in zip(line, loaded, strict=True)])
    following = b.add(index, I64(1))
    for phi, begin, onward in (
        (index, I64(0), following),
        (single, x, b.add(single, x_step)),
        (vector, w, b.add(vector, w_step)),
        *(
            (old, begin, fresh)
            for lines in zip(sums, first, grown, strict=True)
            for old, begin, fresh in zip(*lines, strict=True)
        ),
    ):
        phi.add_incoming(begin, before)
        phi.add_incoming(onward, loop)
    b.cbranch(b.icmp_signed("<", following, count), loop, after)
    b.position_at_end(after)
    for r, line in enumerate(grown):
        for v, value in enumerate(line):
            tile.store(value, b.add(out, b.mul(out_row, I64(r))), width * v)


def _grown(builder, old, each, vector):
    return builder.fadd(builder.fmul(each, vector, flags=("contract",)), old, flags=("contract",))
