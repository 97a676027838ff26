"""How a profile is taken: a trace, then turns under the clock, and a count of allocations apart from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tinytorch.clock import CLOCK, Clock
from tinytorch.core.autograd import is_recording, no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.perf.costs import step_cost
from tinytorch.perf.graph import Graph, inference
from tinytorch.perf.profiling.allocations import Allocation, counted, counting
from tinytorch.perf.profiling.backward_costs import backward_flops
from tinytorch.perf.profiling.models import held_arrays, parameters_of, trained_of
from tinytorch.perf.profiling.passes import BackwardPass, ForwardPass, Needs, needs_of
from tinytorch.perf.profiling.report import OpProfile, Profile, WholeProfile
from tinytorch.perf.profiling.roofline import RoofProfile
from tinytorch.perf.profiling.roofs import Roof, RoofSizes, make_roofs
from tinytorch.perf.profiling.scopes import Scope, trace_scopes
from tinytorch.perf.profiling.training import TrainingStep
from tinytorch.perf.profiling.turns import Rounds, Span, Spans, Stopwatch, Turn, take_turns
from tinytorch.perf.tracing import Step
from tinytorch.quiet import pinned_blas

__all__ = ["Conditions", "profile"]

COUNTS = 3
INFERENCE_NOTE = "All was done in inference mode: no dropout, batch normalization with its running moments."
NO_GRADIENT_NOTE = "No backward pass: {}."
FORWARD, OPS, STEP, RULES = "forward", "ops", "training step", "rules"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a profile is taken.

    Attributes:
        rounds: How often everything has its turn.
        threads: How many threads the matrix library may use; none leaves it alone.
        clock: What tells the time.
        roofs: How large the work is that finds the roofs.
        known: Whatever is known of the machine, kept in the profile.
    """

    rounds: Rounds = field(default_factory=Rounds)
    threads: int | None = 1
    clock: Clock = CLOCK
    roofs: RoofSizes = field(default_factory=RoofSizes)
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model, traced.

    Attributes:
        model: Itself.
        inputs: What it is called with.
        graph: What it does.
        scopes: Which layers do it.
        needs: Which operands of each step need a gradient.
    """

    model: Any
    inputs: tuple[Tensor, ...]
    graph: Graph
    scopes: tuple[Scope, ...]
    needs: Needs

    @property
    def forward(self) -> Callable[..., Any]:
        """What is called."""
        found: Callable[..., Any] = getattr(self.model, "forward", self.model)
        return found


def profile(model: Any, *example: Any, name: str | None = None, conditions: Conditions | None = None) -> Profile:
    """Find out where the time, the arithmetic and the memory of a model go.

    In each round the whole model runs, all its ops one by one, a training step, all backward rules one by one, and what
    finds the roofs. Allocations are counted afterwards. The model's weights, gradients and modes are left as they were.

    Args:
        model: Whatever `trace` takes.
        example: Its inputs.
        name: What readers call it; by default the name of its class.
        conditions: Rounds, clock and sizes.

    Raises:
        StateError, DTypeError: As `trace` does.

    Example:
        >>> from tinytorch.core.layers import Linear
        >>> found = profile(Linear(784, 10), [[0.0] * 784], conditions=Conditions(Rounds(6, 0)))
        >>> [(op.op, op.parameters, op.cost.flops, len(op.forward)) for op in found.ops]
        [('linear', 7850, 15680, 6)]
    """
    conditions = conditions or Conditions()
    subject = _traced(model, example)
    roofs = make_roofs(_float_of(subject.graph), conditions.roofs)
    turns, notes = _turns(subject, roofs)
    with pinned_blas(conditions.threads) as threads:
        found = take_turns(turns, conditions.rounds, conditions.clock)
    return Profile(
        name=name or type(getattr(model, "__self__", model)).__name__,
        inputs=tuple(value.shape for value in subject.graph.inputs),
        ops=_ops(subject, found, turns),
        scopes=subject.scopes,
        roofs=tuple(RoofProfile(roof.name, roof.kind, roof.amount, _only(found[roof.name])) for roof in roofs),
        whole=_whole(subject, found),
        stored_bytes=sum(array.nbytes for array in held_arrays(model)),
        parameters=sum(int(one.size) for one in parameters_of(model)),
        conditions={"blas_threads": threads, **conditions.known},
        notes=(INFERENCE_NOTE, *notes),
    )


def _traced(model: Any, example: tuple[Any, ...]) -> Subject:
    inputs = tuple(x.detach() if type(x) is Tensor else Tensor(x) for x in example)
    graph, scopes = trace_scopes(model, *inputs)
    trained = {id(one.data) for one in trained_of(model)}
    return Subject(model, inputs, graph, scopes, needs_of(graph, trained))


def _float_of(graph: Graph) -> np.dtype[Any]:
    """Find the widest kind of float in a graph: what its products are computed in."""
    kinds = [step.output.dtype for step in graph.steps if step.output.dtype.kind == "f"]
    return max(kinds, key=lambda kind: kind.itemsize, default=np.dtype(np.float32))


def _turns(subject: Subject, roofs: Sequence[Roof]) -> tuple[dict[str, Turn], list[str]]:
    turns: dict[str, Turn] = {FORWARD: _whole_forward(subject), OPS: ForwardPass(subject.graph, subject.inputs)}
    reason = _why_no_gradient(subject)
    if reason is None:
        turns[STEP] = TrainingStep(subject.model, subject.inputs, in_inference=True)
        turns[RULES] = BackwardPass(subject.graph, subject.inputs, subject.needs)
    return turns | {roof.name: roof for roof in roofs}, [NO_GRADIENT_NOTE.format(reason)] if reason else []


def _why_no_gradient(subject: Subject) -> str | None:
    if not is_recording():
        return "it was taken inside no_grad"
    trained = {id(one.data) for one in trained_of(subject.model)}
    if not hasattr(subject.model, "forward") and any(
        id(value.data) not in trained for value in subject.graph.parameters
    ):
        return "the function uses weights that cannot be found; give the model itself"
    if not subject.graph.steps or not any(subject.needs[-1]):
        return "the result does not depend on anything that is trained through ops that have a gradient"
    return None


def _whole_forward(subject: Subject) -> Turn:
    def turn(watch: Stopwatch) -> Spans:
        with inference(subject.model), no_grad():
            return [watch.time(lambda: subject.forward(*subject.inputs))]

    return turn


def _ops(subject: Subject, found: Mapping[str, list[Spans]], turns: Mapping[str, Turn]) -> tuple[OpProfile, ...]:
    trained = {id(one.data) for one in trained_of(subject.model)}
    allocations = _allocations(subject)
    backward = _by_step(found.get(RULES, []), turns.get(RULES))
    return tuple(
        OpProfile(
            number=number,
            op=step.op,
            layer=_layer_of(number, subject.scopes),
            inputs=tuple(value.shape for value in step.inputs),
            shape=step.output.shape,
            parameters=_parameters(step, trained),
            cost=step_cost(step),
            backward_flops=backward_flops(step, subject.needs[number]),
            forward=tuple(spans[number] for spans in found[OPS]),
            backward=backward.get(number, ()),
            allocation=allocations[number],
        )
        for number, step in enumerate(subject.graph.steps)
    )


def _parameters(step: Step, trained: set[int]) -> int:
    """Count the trained numbers among the operands, and those of a layer that an op is given whole."""
    operands = sum(value.size for value in dict.fromkeys(step.inputs) if id(value.data) in trained)
    return operands + sum(one.size for one in parameters_of(step.options.get("layer")))


def _by_step(rounds: Sequence[Spans], turn: Any) -> dict[int, tuple[Span, ...]]:
    numbers = turn.steps if isinstance(turn, BackwardPass) else []
    return {number: tuple(spans[place] for spans in rounds) for place, number in enumerate(numbers)}


def _layer_of(number: int, scopes: Sequence[Scope]) -> str:
    around = [scope for scope in scopes if scope.start <= number < scope.stop]
    return max(around, key=lambda scope: scope.depth).path if around else ""


def _allocations(subject: Subject) -> list[Allocation]:
    """Count what each step allocates, in a pass where nothing is timed; the median of three."""
    passes = []
    with counting(), no_grad():
        for _ in range(COUNTS):
            made = []
            for call, operands, keep in ForwardPass(subject.graph, subject.inputs).calls():
                made.append(counted(partial(_do, call, operands, keep)))
            passes.append(made)
    return [_middle(counts) for counts in zip(*passes, strict=True)]


def _do(call: Callable[..., Any], operands: Sequence[Any], keep: Callable[[Any], None]) -> None:
    keep(call(*operands))


def _whole(subject: Subject, found: Mapping[str, list[Spans]]) -> WholeProfile:
    with counting(), inference(subject.model), no_grad():
        counts = [counted(lambda: subject.forward(*subject.inputs)) for _ in range(COUNTS)]
    steps = found.get(STEP, [])
    return WholeProfile(
        forward=_only(found[FORWARD]),
        recorded=tuple(spans[0] for spans in steps),
        backward=tuple(spans[1] for spans in steps),
        allocation=_middle(counts),
    )


def _middle(counts: Sequence[Allocation]) -> Allocation:
    return sorted(counts, key=lambda one: one.peak)[len(counts) // 2]


def _only(rounds: Sequence[Spans]) -> tuple[Span, ...]:
    return tuple(spans[0] for spans in rounds)
