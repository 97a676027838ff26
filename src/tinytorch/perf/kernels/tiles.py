"""The tile of the compiled kernels, written in LLVM's vectors: sums that stay in registers while one axis is walked.

A tile is `rows × vectors` sums. Each step loads `vectors` vectors of packed weights and multiplies them by one number
of each row. Nothing that decides about the code comes from a global: the width of vectors and the form of the product
of bytes are read off the kinds of the arrays given, as Numba's disk cache tells kinds apart, and nothing else.

Source:
    K. Goto, R. van de Geijn (2008), Anatomy of High-Performance Matrix Multiplication, on register blocks and packing.
    Intel (2019), Deep Learning with Intel AVX-512 VNNI, on the product of unsigned by signed bytes.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "address_as_pointer",
    "amx_begin",
    "amx_end",
    "amx_tile",
    "float_of_bits",
    "float_tile",
    "has_amx",
    "int8_finish",
    "int8_tile",
]

I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


class Tile:
    """Writes the code of one tile.

    Args:
        builder: Where it goes.
        shape: Rows and vectors of sums.
        kind: Of one vector of sums.
    """

    def __init__(self, builder, shape, kind):
        self.b = builder
        self.rows, self.vectors = shape
        self.kind = kind

    def load(self, address, kind, offset=0):
        """Load one value, aligned or not."""
        return self.b.load(self._pointer(address, kind, offset), align=1)

    def store(self, value, address, offset=0):
        """Store one value, aligned or not."""
        self.b.store(value, self._pointer(address, value.type, offset), align=1)

    def _pointer(self, address, kind, offset):
        return self.b.inttoptr(self.b.add(address, I64(offset)), kind.as_pointer())

    def splat(self, value):
        """Fill a vector with one number."""
        undefined = ir.Constant(ir.VectorType(value.type, self.kind.count), ir.Undefined)
        first = self.b.insert_element(undefined, value, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, self.kind.count), [0] * self.kind.count)
        return self.b.shuffle_vector(first, undefined, zeros)

    def walk(self, x, w, count, start, step):
        """Sum over `count` steps, from the vectors at `start` on, and give rows of vectors.

        Args:
            x: The address of the first row, and the bytes from a row to the next.
            w: The address of packed weights, and the bytes of one vector of them.
            count: How many steps; at least one.
            start: The address of the first sums.
            step: Makes a sum of a sum, the address and offset of weights, and an activation: a vector of equal numbers.
        """
        b, width = self.b, self.kind.count * 4
        first = [self.load(start, self.kind, width * v) for v in range(self.vectors)]
        rows = [b.add(x[0], b.mul(x[1], I64(r))) for r in range(self.rows)]
        before, loop, after = b.block, b.append_basic_block("walk"), b.append_basic_block("walked")
        b.branch(loop)
        b.position_at_end(loop)
        index, weights = b.phi(I64), b.phi(I64)
        sums = [[b.phi(self.kind) for _ in range(self.vectors)] for _ in range(self.rows)]
        loaded = [step.load(self, weights, w[1] * v) for v in range(self.vectors)]
        offset = b.shl(index, I64(2))
        grown = [
            [step.add(self, old, each, loaded[v]) for v, old in enumerate(line)]
            for each, line in (
                (self.splat(step.read(self, b.add(row, offset))), line) for row, line in zip(rows, sums, strict=True)
            )
        ]
        following = b.add(index, I64(1))
        self._close(index, (I64(0), before), (following, loop))
        self._close(weights, (w[0], before), (b.add(weights, I64(w[1] * self.vectors)), loop))
        for line, fresh in zip(sums, grown, strict=True):
            for v, old in enumerate(line):
                self._close(old, (first[v], before), (fresh[v], loop))
        b.cbranch(b.icmp_signed("<", following, count), loop, after)
        b.position_at_end(after)
        return grown

    @staticmethod
    def _close(phi, *incoming):
        for value, block in incoming:
            phi.add_incoming(value, block)


class FloatStep:
    """Single precision: a multiplication and an addition, which the machine may do as one."""

    @staticmethod
    def load(tile, address, offset):
        return tile.load(address, tile.kind, offset)

    @staticmethod
    def read(tile, address):
        return tile.load(address, F32)

    @staticmethod
    def add(tile, old, x, w):
        return tile.b.fadd(tile.b.fmul(x, w, flags=("contract",)), old, flags=("contract",))


class VnniStep:
    """Four unsigned by four signed bytes in each lane, in one instruction."""

    width = 4

    @staticmethod
    def load(tile, address, offset):
        return tile.load(address, tile.kind, offset)

    @staticmethod
    def read(tile, address):
        return tile.load(address, I32)

    @staticmethod
    def add(tile, old, x, w):
        kind = ir.FunctionType(tile.kind, [tile.kind] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{tile.kind.count * 32}"
        return tile.b.call(cgutils.get_or_insert_function(tile.b.module, kind, name), [old, x, w])


class PairStep:
    """Two halves by two halves in each lane, summed exactly: the bytes of weights are widened on the way."""

    width = 2

    @staticmethod
    def load(tile, address, offset):
        count = 2 * tile.kind.count
        return tile.b.sext(tile.load(address, ir.VectorType(I8, count), offset), ir.VectorType(I16, count))

    @staticmethod
    def read(tile, address):
        return tile.load(address, I32)

    @staticmethod
    def add(tile, old, x, w):
        halves = ir.VectorType(I16, 2 * tile.kind.count)
        kind = ir.FunctionType(tile.kind, [halves, halves])
        product = cgutils.get_or_insert_function(tile.b.module, kind, "llvm.x86.avx2.pmadd.wd")
        return tile.b.add(old, tile.b.call(product, [tile.b.bitcast(x, halves), w]))


class PlainStep:
    """One number by one in each lane: any machine."""

    width = 1

    @staticmethod
    def load(tile, address, offset):
        return tile.b.sext(tile.load(address, ir.VectorType(I8, tile.kind.count), offset), tile.kind)

    @staticmethod
    def read(tile, address):
        return tile.load(address, I32)

    @staticmethod
    def add(tile, old, x, w):
        return tile.b.add(old, tile.b.mul(x, w))


STEPS = {
    types.int8: (VnniStep, 16),
    types.uint8: (VnniStep, 16),
    types.int16: (PairStep, 8),
    types.int32: (PlainStep, 8),
}


def floored(tile, value, keeps_negatives):
    """Give the larger of a value and 0, or the value; NaN stays NaN."""
    limit = tile.splat(tile.b.select(keeps_negatives, F32(float("-inf")), F32(0.0)))
    return tile.b.select(tile.b.fcmp_ordered(">", limit, value), limit, value)


@intrinsic(prefer_literal=True)
def float_tile(context, layout, rows, vectors, at):
    """Do one tile in single precision: `at` is x, bytes a row, w, count, start, is relu, out, bytes a row."""
    del context
    shape, lanes = (rows.literal_value, vectors.literal_value), 16 if layout.dtype == types.int64 else 8

    def generate(context, builder, signature, arguments):
        del signature
        x, stride, w, count, start, is_relu, out, out_stride = cgutils.unpack_tuple(builder, arguments[3], 8)
        tile = Tile(builder, shape, ir.VectorType(F32, lanes))
        sums = tile.walk((x, stride), (w, 4 * lanes), count, start, FloatStep)
        keeps = builder.icmp_signed("==", is_relu, I64(0))
        for r, line in enumerate(sums):
            row = builder.add(out, builder.mul(out_stride, I64(r)))
            for v, value in enumerate(line):
                tile.store(floored(tile, value, keeps), row, 4 * lanes * v)
        return context.get_dummy_value()

    return types.void(layout, rows, vectors, at), generate


@intrinsic(prefer_literal=True)
def int8_tile(context, activations, rows, vectors, at):
    """Do one tile of bytes.

    `at` is x, bytes a row, w, count, start, scales of columns, biases, scales of rows (0: give the sums themselves),
    is relu, out, bytes a row.
    """
    del context
    shape, (step, lanes) = (rows.literal_value, vectors.literal_value), STEPS[activations.dtype]

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[3], 11)
        x, stride, w, count, start = where[:5]
        tile = Tile(builder, shape, ir.VectorType(I32, lanes))
        sums = tile.walk((x, stride), (w, step.width * lanes), count, start, step)
        with builder.if_else(builder.icmp_signed("==", where[7], I64(0))) as (exact, scaled):
            with exact:
                _store_sums(tile, sums, where)
            with scaled:
                _store_scaled(tile, sums, where)
        return context.get_dummy_value()

    return types.void(activations, rows, vectors, at), generate


def _store_sums(tile, sums, where):
    out, out_stride = where[9:]
    for r, line in enumerate(sums):
        row = tile.b.add(out, tile.b.mul(out_stride, I64(r)))
        for v, value in enumerate(line):
            tile.store(value, row, 4 * tile.kind.count * v)


def _store_scaled(tile, sums, where):
    b, floats = tile.b, ir.VectorType(F32, tile.kind.count)
    scales, biases, row_scales, is_relu, out, out_stride = where[5:]
    keeps = b.icmp_signed("==", is_relu, I64(0))
    offsets = [4 * tile.kind.count * v for v in range(tile.vectors)]
    columns = [(tile.load(scales, floats, at), tile.load(biases, floats, at)) for at in offsets]
    for r, line in enumerate(sums):
        row = b.add(out, b.mul(out_stride, I64(r)))
        own = tile.splat(tile.load(row_scales, F32, 4 * r))
        for at, value, (scale, bias) in zip(offsets, line, columns, strict=True):
            result = b.fadd(b.fmul(b.sitofp(value, floats), b.fmul(own, scale)), bias)
            tile.store(floored(tile, result, keeps), row, at)


@intrinsic(prefer_literal=True)
def int8_finish(context, activations, vectors, at):
    """Make floats of the sums of one row that stand in `out`; `at` is that of `int8_tile`."""
    del context
    kind = ir.VectorType(I32, STEPS[activations.dtype][1])

    def generate(context, builder, signature, arguments):
        del signature
        where = cgutils.unpack_tuple(builder, arguments[2], 11)
        tile = Tile(builder, (1, vectors.literal_value), kind)
        sums = [[tile.load(where[9], kind, 4 * kind.count * v) for v in range(tile.vectors)]]
        _store_scaled(tile, sums, where)
        return context.get_dummy_value()

    return types.void(activations, vectors, at), generate


# ---- AMX: tiles of 16 rows and 64 bytes are registers of their own


def _amx(builder, name, *arguments):
    """Call an instruction of AMX by the numbers of its registers."""
    kinds = [argument.type for argument in arguments]
    kind = ir.FunctionType(ir.VoidType(), kinds)
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), arguments)


@intrinsic
def has_amx(context, activations):
    """Say, while the code is made, whether these activations are for AMX: they are int8 then."""
    del context
    there = activations.dtype == types.int8
    return types.boolean(activations), lambda *_: ir.IntType(1)(int(there))


@intrinsic
def amx_begin(context, activations):
    """Make all eight registers tiles of 16 rows of 64 bytes."""
    del context

    def generate(context, builder, signature, arguments):
        del signature, arguments
        if activations.dtype == types.int8:
            layout = [1, *[0] * 15, *[64, 0] * 8, *[0] * 16, *[16] * 8, *[0] * 8]
            kind = ir.ArrayType(I8, 64)
            place = cgutils.alloca_once(builder, kind)
            builder.store(ir.Constant(kind, layout), place)
            _amx(builder, "ldtilecfg", builder.bitcast(place, I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(activations), generate


@intrinsic
def amx_end(context, activations):
    """Give the registers back."""
    del context

    def generate(context, builder, signature, arguments):
        del signature, arguments
        if activations.dtype == types.int8:
            _amx(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(activations), generate


@intrinsic(prefer_literal=True)
def amx_tile(context, activations, rows, vectors, at):
    """Do up to 2 x 2 tiles of AMX, and leave the sums in `out`.

    `at` is x, bytes a row, w, bytes of a panel's row, steps of 64, start, out, bytes a row.
    """
    del context
    tall, wide = rows.literal_value, vectors.literal_value

    def generate(context, builder, signature, arguments):
        del signature
        if activations.dtype == types.int8:
            _amx_walk(builder, (tall, wide), cgutils.unpack_tuple(builder, arguments[3], 8))
        return context.get_dummy_value()

    return types.void(activations, rows, vectors, at), generate


def _amx_walk(builder, shape, where):
    """Sums in the registers 0 to 3, activations in 4 and 5, weights in 6 and 7."""
    x, stride, w, panel, count, start, out, out_stride = where
    (tall, wide), b = shape, builder
    pointer = lambda address: b.inttoptr(address, I8.as_pointer())
    for r in range(tall):
        for v in range(wide):  # 16 times the same row
            _amx(b, "tileloadd64", I8(2 * r + v), pointer(b.add(start, I64(64 * v))), I64(0))
    with cgutils.for_range(b, count, intp=I64) as loop:
        here = b.add(x, b.shl(loop.index, I64(6)))
        weights = b.add(w, b.mul(loop.index, b.shl(panel, I64(4))))
        for r in range(tall):
            _amx(b, "tileloadd64", I8(4 + r), pointer(b.add(here, b.mul(stride, I64(16 * r)))), stride)
        for v in range(wide):
            _amx(b, "tileloadd64", I8(6 + v), pointer(b.add(weights, I64(64 * v))), panel)
        for r in range(tall):
            for v in range(wide):
                _amx(b, "tdpbusd", I8(2 * r + v), I8(4 + r), I8(6 + v))
    for r in range(tall):
        for v in range(wide):
            place = b.add(b.add(out, b.mul(out_stride, I64(16 * r))), I64(64 * v))
            _amx(b, "tilestored64", I8(2 * r + v), pointer(place), out_stride)


# ---- views of memory


@intrinsic
def address_as_pointer(context, address):
    """Make a pointer to floats of an address."""
    del context
    kind = types.CPointer(types.float32)
    return kind(address), lambda context, builder, _, arguments: builder.inttoptr(
        arguments[0], context.get_value_type(kind)
    )


@intrinsic
def float_of_bits(context, bits):
    """Read the bits of an int32 as a float."""
    del context
    return types.float32(types.int32), lambda _, builder, __, arguments: builder.bitcast(arguments[0], F32)
