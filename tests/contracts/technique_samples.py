"""One row per technique, and per kind of model that it could go wrong on.

A new technique needs a row here; `test_techniques.py` fails and names this file while it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contracts.rows import real
from tinytorch.capstone import SimpleMLP
from tinytorch.core.activations import ReLU
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d, Flatten, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT
from tinytorch.perf import (
    SparseLinear,
    compile,
    factorize,
    fast_decoder,
    prune,
    quantize,
    quantize_int4,
    remove_blocks,
    remove_hidden_units,
    sparsify,
)
from tinytorch.perf.compression import structured_prune
from tinytorch.perf.quantization import Int4Linear, QuantizedLinear, rehearse

Fault = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class TechniqueRow:
    """One technique, applied to one kind of model.

    Attributes:
        technique: Its name in `TECHNIQUES`.
        case: What is special about this row.
        make: Makes the model, with the same weights at each call.
        faults: Models of which the claim does not hold, by what is wrong: each is made from the original and a result
            of the technique, both of which may be changed for it. The check must find them without the original.
        faults_beside: The same, of those that can be found beside the original only.
        inputs: The shape of an input.
        arguments: What is given to the technique after the model.
        said: Options that the claim is about, given to the technique and to the check.
        tolerance: To which absolute difference the result computes what the original does; None for no promise.
    """

    technique: str
    case: str
    make: Callable[[], Any]
    faults: dict[str, Fault]
    faults_beside: dict[str, Fault] = field(default_factory=dict)
    inputs: tuple[int, ...] = (5, 16)
    arguments: tuple[Any, ...] = ()
    said: dict[str, Any] = field(default_factory=dict)
    tolerance: float | None = None

    @property
    def name(self) -> str:
        return f"{self.technique}: {self.case}"

    def example(self) -> Tensor:
        """Give an input."""
        return example(*self.inputs)


def example(*shape: int) -> Tensor:
    return Tensor(real(*(shape or (5, 16)))(0))


def network(*between: Any) -> Sequential:
    return filled(Sequential(Linear(16, 32), ReLU(), *between, Linear(32, 4)))


def filled(model: Any) -> Any:
    """Draw all parameters, always the same; those born as zeros would hide faults."""
    draw = np.random.default_rng(5)
    for parameter in model.parameters():
        parameter.data[...] = draw.normal(0, 0.4, parameter.shape)
    return model.eval()


def unchanged(original: Any, result: Any) -> Any:
    """Give the original for a result: nothing was done."""
    del result
    return deepcopy(original)


def compilations() -> Iterator[TechniqueRow]:
    def tampered(original: Any, result: Any) -> Any:
        del original
        result.plan().weights[0].flat[0] += 1
        return result

    def without_a_model(original: Any, result: Any) -> Any:
        """Nothing is there to compare with."""
        del result
        return compile(original, example(), other_shapes="refuse")

    def of_another(original: Any, result: Any) -> Any:
        original[0].weight.data[0, 0] += 1
        return result

    yield TechniqueRow(
        "compile.v1",
        "linear layers",
        network,
        {"not compiled": unchanged, "the plan's weights changed": tampered, "without its model": without_a_model},
        {"another model": of_another},
        arguments=(example(),),
        tolerance=1e-5,
    )


class TextRow(TechniqueRow):
    """A row for models that take tokens."""

    def example(self) -> Tensor:
        return Tensor(np.arange(10).reshape(2, 5) * 3 % 7)


def decoders() -> Iterator[TechniqueRow]:
    def tampered(original: Any, result: Any) -> Any:
        del original
        result.decoder.norms[0] += 0.1
        return result

    def of_another(original: Any, result: Any) -> Any:
        original.ln_f.beta.data[0] += 1
        return result

    def with_floats(original: Any, result: Any) -> Any:
        del result
        return fast_decoder(original)

    def diverged(original: Any, result: Any) -> Any:
        del original
        result.decoder.norms[0] = np.nan
        return result

    name, make = "compile.decode.v1", lambda: filled(GPT(7, 16, 2, 2, 8))
    faults = {"not compiled": unchanged, "the step's weights changed": tampered}
    yield TextRow(name, "floats", make, faults, {"another model": of_another}, tolerance=1e-5)
    faults = faults | {"a cache of floats": with_floats, "not a number": diverged}
    yield TextRow(name, "a cache of int8", make, faults, said={"dtype": "int8"}, tolerance=1e-5)
    faults = {"not compiled": unchanged, "not a number": diverged}
    yield TextRow(name, "weights of int8", lambda: quantize(make()), faults, tolerance=1e-5)


def factorizations() -> Iterator[TechniqueRow]:
    def of_a_high_rank(original: Any, result: Any) -> Any:
        del result
        return factorize(original, 0.6)

    def half_done(original: Any, result: Any) -> Any:
        """The first layer is a pair, the second could be one."""
        return Sequential(result[0], ReLU(), deepcopy(original[2]))

    def no_smaller(original: Any, result: Any) -> Any:
        del result
        pair = Sequential(Linear(16, 15, bias=False), Linear(15, 32))
        return Sequential(pair, *deepcopy(original)[1:])

    def elsewhere(original: Any, result: Any) -> Any:
        """The original has another layer where the pair is."""
        original.layers[0] = Linear(16, 64)
        return result

    faults = {"nothing done": unchanged, "a high rank": of_a_high_rank, "half done": half_done, "wide": no_smaller}
    name, said = "factorize.low_rank.v1", {"rank_ratio": 0.25}
    yield TechniqueRow(name, "linear layers", network, faults, {"another layer": elsewhere}, said=said)
    yield TechniqueRow(
        name, "attributes", lambda: filled(SimpleMLP(16, 32, 16)), {"nothing done": unchanged}, said=said
    )
    yield from thin_convolutions()


def thin_convolutions() -> Iterator[TechniqueRow]:
    def of_a_high_rank(original: Any, result: Any) -> Any:
        del result
        return factorize(original, 0.6)

    def half_done(original: Any, result: Any) -> Any:
        result.layers[2] = original[2]
        return result

    def elsewhere(original: Any, result: Any) -> Any:
        original.layers[0] = Conv2d(2, 16, 3)
        return result

    def strided(original: Any, result: Any) -> Any:
        """Both look at every other place."""
        del original
        result[0][1].stride = 2
        return result

    model = lambda: filled(Sequential(Conv2d(2, 16, 2), ReLU(), Conv2d(16, 16, 1)))
    faults = {"nothing done": unchanged, "a high rank": of_a_high_rank, "half done": half_done, "strided": strided}
    name, said, inputs = "factorize.low_rank.v1", {"rank_ratio": 0.25}, (2, 2, 4, 4)
    yield TechniqueRow(name, "convolutions", model, faults, {"another layer": elsewhere}, inputs=inputs, said=said)


def magnitudes() -> Iterator[TechniqueRow]:
    def too_few(original: Any, result: Any) -> Any:
        del result
        return prune(original, 0.7)

    def revived(original: Any, result: Any) -> Any:
        """As fine-tuning without masks does."""
        del original
        for parameter in result.parameters():
            parameter.data += 0.01
        return result

    def no_sparser(original: Any, result: Any) -> Any:
        """The original had as many zeros."""
        original.load_state_dict(result.state_dict())
        return result

    faults = {"nothing done": unchanged, "too few zeros": too_few, "weights revived": revived}
    said = {"sparsity": 0.8}
    yield TechniqueRow("prune.magnitude.v1", "linear layers", network, faults, said=said)

    def by_one_threshold(original: Any, result: Any) -> Any:
        """The layer of smaller weights loses most of them, the other too few."""
        del result
        original[0].weight.data *= 0.2
        return prune(original, 0.8)

    said = said | {"scope": "layer"}
    faults = faults | {"one threshold": by_one_threshold}
    yield TechniqueRow("prune.magnitude.v1", "each layer by itself", network, faults, said=said)
    yield TechniqueRow(
        "prune.magnitude.v1", "a share left unsaid", network, {"nothing done": unchanged}, {"no sparser": no_sparser}
    )


def sparse() -> Iterator[TechniqueRow]:
    def half_done(original: Any, result: Any) -> Any:
        result.layers[2] = original[2]
        return result

    def with_zeros(original: Any, result: Any) -> Any:
        """As many entries as before, some of them 0."""
        del original
        result[0].values[::3] = 0
        return result

    def with_the_dense(original: Any, result: Any) -> Any:
        result[0].kept = original[0].weight
        return result

    def outside(original: Any, result: Any) -> Any:
        del original
        result[0].gaps[0] = 200
        return result

    def out_of_order(original: Any, result: Any) -> Any:
        del original
        result[0].starts[1] = -1
        return result

    def of_a_dense_layer(original: Any, result: Any) -> Any:
        del original
        result.layers[0] = SparseLinear.of(filled(Linear(16, 32)))
        return result

    def of_floats(original: Any, result: Any) -> Any:
        del result
        return sparsify(original)

    def small_already(original: Any, result: Any) -> Any:
        """The original took no more."""
        original.layers[:] = result.layers
        return result

    faults = {
        "nothing done": unchanged,
        "half done": half_done,
        "zeros held": with_zeros,
        "the dense weights kept": with_the_dense,
        "an entry outside": outside,
        "columns out of order": out_of_order,
        "larger than dense": of_a_dense_layer,
    }
    name, beside = "store.sparse.v1", {"as small before": small_already}
    pruned = lambda: prune(network(), 0.85)
    yield TechniqueRow(name, "linear layers", pruned, faults, beside, tolerance=1e-5)
    faults = faults | {"floats": of_floats}
    said = {"kind": "int8"}
    yield TechniqueRow(name, "whole numbers", pruned, faults, beside, said=said, tolerance=0.1)
    attention = lambda: prune(filled(MultiHeadAttention(16, 2)), 0.9)
    faults = {"nothing done": unchanged}
    yield TechniqueRow(name, "attention", attention, faults, inputs=(1, 5, 16), tolerance=1e-5)


def units() -> Iterator[TechniqueRow]:
    def zeros(original: Any, result: Any) -> Any:
        del result
        return structured_prune(deepcopy(original), 0.5)

    def sizes_only(original: Any, result: Any) -> Any:
        """The layer says that it is smaller, its arrays are not."""
        del result
        fake = deepcopy(original)
        fake[0].out_features = 16
        return fake

    def too_many(original: Any, result: Any) -> Any:
        del result
        return remove_hidden_units(original, 0.75)

    def wider(original: Any, result: Any) -> Any:
        result.layers[-1] = filled(Linear(16, 5))
        return result

    name, said = "prune.units.v1", {"keep_ratio": 0.5}
    faults = {"zeros": zeros, "sizes only": sizes_only}
    beside = {"nothing done": unchanged, "too many units": too_many, "more outputs": wider}
    yield TechniqueRow(name, "linear layers", network, faults, beside, said=said)
    yield TechniqueRow(name, "dropout between", lambda: network(Dropout(0.5)), faults, beside, said=said)

    def channels_of_zeros(original: Any, result: Any) -> Any:
        del result
        original.features[0].weight.data[::2] = original.features[0].bias.data[::2] = 0
        return original

    def too_wide(original: Any, result: Any) -> Any:
        result.features.layers[3] = original.features[3]
        return result

    images = lambda: filled(LeNet(image_size=12))
    yield TechniqueRow(
        name,
        "channels",
        images,
        {"zeros": channels_of_zeros},
        {"nothing done": unchanged, "too wide": too_wide},
        (2, 1, 12, 12),
        said=said,
    )
    attributes = lambda: filled(SimpleMLP(16, 32, 4))
    yield TechniqueRow(name, "attributes", attributes, {}, {"nothing done": unchanged}, said=said)


def quantizations() -> Iterator[TechniqueRow]:
    def half_done(original: Any, result: Any) -> Any:
        result.layers[2] = original[2]
        return result

    def with_floats(original: Any, result: Any) -> Any:
        """Bytes to look at, floats beside them."""
        result[0].weight = original[0].weight
        return result

    def stored_as_floats(original: Any, result: Any) -> Any:
        class Faulty(QuantizedLinear):
            def _state(self, prefix=""):
                for name, value in super()._state(prefix):
                    yield name, value.astype(np.float32) if name.endswith("q_weight") else value

        result[0].__class__ = Faulty
        return result

    def dynamic(original: Any, result: Any) -> Any:
        del result
        return quantize(original)

    def static(original: Any, result: Any) -> Any:
        del result
        return quantize(original, [example()])

    attention = lambda: filled(MultiHeadAttention(16, 2))
    faults = {
        "nothing done": unchanged,
        "half done": half_done,
        "with floats": with_floats,
        "stored as floats": stored_as_floats,
    }
    name, close = "quantize.int8.dynamic.v1", 0.3
    yield TechniqueRow(name, "linear layers", network, faults | {"fixed scales": static}, tolerance=close)
    yield TechniqueRow(name, "attention", attention, {"nothing done": unchanged}, inputs=(1, 5, 16), tolerance=close)
    yield TechniqueRow(
        "quantize.int8.static.v1",
        "linear layers",
        network,
        faults | {"no fixed scales": dynamic},
        arguments=([example()],),
        tolerance=close,
    )


def nibbles() -> Iterator[TechniqueRow]:
    def half_done(original: Any, result: Any) -> Any:
        result.layers[2] = original[2]
        return result

    def bytes_only(original: Any, result: Any) -> Any:
        del result
        return quantize(original)

    def with_floats(original: Any, result: Any) -> Any:
        result[0].weight = original[0].weight
        return result

    def one_a_byte(original: Any, result: Any) -> Any:
        class Faulty(Int4Linear):
            def _parts(self):
                return super()._parts() | {"q_weight": self.packed.matrix().view(np.uint8)}

        result[0].__class__ = Faulty
        return result

    def another_group(original: Any, result: Any) -> Any:
        del result
        return quantize_int4(original, 32)

    faults = {
        "nothing done": unchanged,
        "half done": half_done,
        "bytes instead": bytes_only,
        "with floats": with_floats,
        "a weight a byte": one_a_byte,
        "another group": another_group,
    }
    name, said = "quantize.int4.v1", {"group": 64}
    yield TechniqueRow(name, "linear layers", network, faults, said=said, tolerance=2.5)
    attention = lambda: filled(MultiHeadAttention(16, 2))
    yield TechniqueRow(name, "attention", attention, {"nothing done": unchanged}, inputs=(1, 5, 16), said=said)
    images = lambda: filled(Sequential(Conv2d(1, 4, 3), BatchNorm2d(4), ReLU(), Flatten(), Linear(16, 3)))
    yield TechniqueRow(name, "convolutions", images, {"nothing done": unchanged}, inputs=(2, 1, 4, 4), said=said)


def images() -> Iterator[TechniqueRow]:
    model = lambda: filled(Sequential(Conv2d(1, 4, 3), BatchNorm2d(4), ReLU(), Flatten(), Linear(16, 3)))

    def without_the_convolution(original: Any, result: Any) -> Any:
        result.layers[0] = original[0]
        return result

    faults = {"nothing done": unchanged, "a convolution of floats": without_the_convolution}
    dynamic, static = "quantize.int8.dynamic.v1", "quantize.int8.static.v1"
    options = {"inputs": (2, 1, 4, 4), "tolerance": 0.5}
    yield TechniqueRow(dynamic, "convolutions", model, faults, **options)
    yield TechniqueRow(static, "convolutions", model, faults, arguments=([example(2, 1, 4, 4)],), **options)


def fine_tunings() -> Iterator[TechniqueRow]:
    batches = [(example(), Tensor([0, 1, 2, 3, 0], dtype="int64"))]

    def still_rehearsed(original: Any, result: Any) -> Any:
        del result
        return rehearse(original)

    def some_fixed(original: Any, result: Any) -> Any:
        """One layer was calibrated, the other was not."""
        del original
        result[0].calibrate([example()])
        return result

    faults = {"nothing done": unchanged, "still rehearsed": still_rehearsed, "some scales fixed": some_fixed}
    yield TechniqueRow("quantize.int8.aware.v1", "linear layers", network, faults, arguments=(batches,), tolerance=0.4)


def blocks() -> Iterator[TechniqueRow]:
    def sizes_only(original: Any, result: Any) -> Any:
        """The model says that it is shallower, and is not."""
        del result
        fake = deepcopy(original)
        fake.num_layers = 2
        return fake

    def too_few(original: Any, result: Any) -> Any:
        del result
        return remove_blocks(original, 1)

    name, make = "prune.blocks.v1", lambda: filled(GPT(7, 16, 3, 2, 8))
    faults = {"sizes only": sizes_only, "nothing done": unchanged, "too few blocks": too_few}
    yield TextRow(name, "a language model", make, faults, said={"keep": 2})


FAMILIES = (
    blocks,
    compilations,
    decoders,
    factorizations,
    fine_tunings,
    images,
    magnitudes,
    nibbles,
    quantizations,
    sparse,
    units,
)
ROWS = [row for family in FAMILIES for row in family()]
