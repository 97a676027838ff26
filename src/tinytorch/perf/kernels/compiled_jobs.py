"""What threads without Python's lock agree by: atomic words, and jobs that one thread leaves for another.

A job is a function of three numbers, `part`, `start` and `stop`, and of arguments that lie on the stack of the thread
that shares the work; that thread waits until all parts are done. Imported only where Numba is wanted.
"""

# mypy: ignore-errors

from __future__ import annotations

from itertools import count

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

__all__ = ["add", "exchange", "give_way", "job_of", "load", "place_of", "rest", "run_job", "store"]

I8, I64, WORD = ir.IntType(8), ir.IntType(64), 8
JOB = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I64, I64, I64])

numbers = count()


def _word(builder, address):
    return builder.inttoptr(address, I64.as_pointer())


@intrinsic
def load(context, address):
    """Read a word; what was written before it was is seen."""
    del context
    return types.int64(types.int64), lambda _, builder, __, arguments: builder.load_atomic(
        _word(builder, arguments[0]), "acquire", WORD
    )


@intrinsic
def store(context, address, value):
    """Write a word; whoever reads it sees what was written before."""
    del context

    def generate(context, builder, _, arguments):
        builder.store_atomic(arguments[1], _word(builder, arguments[0]), "release", WORD)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add(context, address, value):
    """Add to a word, and give what it was."""
    del context
    return types.int64(types.int64, types.int64), lambda _, builder, __, arguments: builder.atomic_rmw(
        "add", _word(builder, arguments[0]), arguments[1], "acq_rel"
    )


@intrinsic
def exchange(context, address, old, value):
    """Write a word if it is `old`, and say whether it was."""
    del context

    def generate(_, builder, __, arguments):
        address, old, value = arguments
        both = builder.cmpxchg(_word(builder, address), old, value, "acq_rel", "acquire")
        return builder.extract_value(both, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def rest(context):
    """Let the processor breathe in a loop that waits."""
    del context

    def generate(context, builder, *_):
        if builder.module.triple.startswith(("x86_64", "i686")):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def give_way(context):
    """Let another thread have this processor, if one wants it; Windows is not asked."""
    del context

    def generate(context, builder, *_):
        if "windows" not in builder.module.triple:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def place_of(context, arguments):
    """Put a tuple on the stack of the calling function, and give its address."""
    del context

    def generate(_, builder, __, values):
        place = cgutils.alloca_once_value(builder, values[0])
        builder.store(values[0], place)
        return builder.ptrtoint(place, I64)

    return types.int64(arguments), generate


@intrinsic
def run_job(context, job, place, part, start, stop):
    """Do one part of a job."""
    del context

    def generate(context, builder, _, arguments):
        job, place, *part = arguments
        builder.call(builder.inttoptr(job, JOB.as_pointer()), [builder.inttoptr(place, I8.as_pointer()), *part])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic(prefer_literal=True)
def job_of(context, function, cuts, arguments):
    """Give the address of a job: a compiled function that is called with arguments cut for each part.

    Args:
        context: Numba's.
        function: What to call.
        cuts: A letter an argument: `r` for the rows from `start` to `stop`, `p` for the row numbered `part`, `a` for
            all of it. A `+` behind them has `start` and `stop` given as well.
        arguments: A tuple; only its kind counts.
    """
    del context

    def generate(context, builder, _, __):
        module = builder.module
        job = ir.Function(module, JOB, f"tinytorch_job_{next(numbers)}")
        job.linkage = "internal"
        inside = ir.IRBuilder(job.append_basic_block("entry"))
        _write_job(context, inside, (function.dispatcher, cuts.literal_value), arguments)
        inside.ret_void()
        return builder.ptrtoint(job, I64)

    return types.int64(function, cuts, arguments), generate


def _write_job(context, builder, what, arguments):
    (function, cuts), (place, part, start, stop) = what, builder.function.args
    kind = context.get_value_type(arguments)
    values = cgutils.unpack_tuple(builder, builder.load(builder.bitcast(place, kind.as_pointer())), len(arguments))
    given = []
    for cut, of, value in zip(cuts, arguments, values, strict=False):
        edges = {"r": (start, stop), "p": (part, None), "a": None}[cut]
        given.append((of, value) if edges is None else _cut(context, builder, of, value, edges))
    if cuts.endswith("+"):
        given += [(types.int64, start), (types.int64, stop)]
    kinds = types.Tuple([of for of, _ in given])
    packed = context.make_tuple(builder, kinds, [value for _, value in given])

    def call(arguments):
        function(*arguments)

    signature = types.void(kinds)
    compiled = context.compile_subroutine(builder, call, signature)
    context.call_internal_no_propagate(builder, compiled.fndesc, signature, [packed])


def _cut(context, builder, kind, value, edges):
    """Give rows of an array, or one row, as an array that owns nothing."""
    whole, (start, stop) = make_array(kind)(context, builder, value), edges
    shape, strides = (cgutils.unpack_tuple(builder, of, kind.ndim) for of in (whole.shape, whole.strides))
    if stop is None:
        kind, shape, strides, step = kind.copy(ndim=kind.ndim - 1), shape[1:], strides[1:], strides[0]
    else:
        shape, step = [builder.sub(stop, start), *shape[1:]], strides[0]
    part = make_array(kind)(context, builder)
    data = cgutils.pointer_add(builder, whole.data, builder.mul(start, step))
    populate_array(part, data, shape, strides, whole.itemsize, whole.meminfo, whole.parent)
    return kind, part._getvalue()  # noqa: SLF001  Numba has no other door to it
