"""Pruning while training: when, how much, and going on from a checkpoint."""

import numpy as np
import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD, Adam
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer
from tinytorch.errors import DTypeError, RangeError, ShapeError, StateError
from tinytorch.perf.compression import ConstantSparsity, CubicSparsity, MaskedOptimizer, measure_sparsity

DRAW = np.random.default_rng(0)
BATCHES = [(Tensor(DRAW.normal(size=(16, 8))), Tensor(DRAW.integers(0, 4, 16))) for _ in range(4)]


def network():
    """Build two layers, the same ones each time."""
    draw = np.random.default_rng(1)
    model = Sequential(Linear(8, 16), ReLU(), Linear(16, 4))
    for parameter in model.parameters():
        parameter.data[...] = draw.normal(size=parameter.shape)
    return model


def trainer(schedule=None, optimizer=Adam, scope="global"):
    """Give a trainer whose optimizer prunes."""
    model = network()
    return Trainer(model, MaskedOptimizer(optimizer(model.parameters()), model, schedule, scope), CrossEntropyLoss())


def sparsities(schedule, epochs=3):
    """Train a step an epoch, and say how sparse the model is after each."""
    found, training = [], trainer(schedule)
    for number in range(epochs):
        training.train_epoch(BATCHES[number % 4 : number % 4 + 1])
        found.append(round(measure_sparsity(training.model)))
    return found


def test_the_cubic_schedule_is_the_papers():
    """`s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))³` at the steps that are due, and the last one's between them."""
    schedule = CubicSparsity(0.9, updates=5, every=3, initial=0.2, start=4)
    for step in range(30):
        done = min(max(step - 4, 0) // 3 * 3, 15)
        expected = 0.9 + (0.2 - 0.9) * (1 - done / 15) ** 3 if step >= 4 else 0
        assert schedule.at(step) == pytest.approx(expected)
        assert schedule.is_due(step) == (step in {4, 7, 10, 13, 16, 19})


def test_a_model_becomes_as_sparse_as_the_schedule_says():
    """After each step; all at once, or ever more slowly."""
    assert sparsities(ConstantSparsity(0.75, start=1), 4) == [0, 75, 75, 75]
    schedule = CubicSparsity(0.8, updates=3, every=2)
    assert (
        sparsities(schedule, 8)
        == [round(100 * schedule.at(step)) for step in range(8)]
        == [0, 0, 56, 56, 77, 77, 80, 80]
    )


def test_what_is_pruned_stays_pruned():
    """The zeros of each step are among those of the next."""
    training, before = trainer(CubicSparsity(0.9, updates=8)), None
    for _ in range(4):
        training.train_epoch(BATCHES)
        zeros = training.model[0].weight.data == 0
        assert before is None or zeros[before].all()
        before = zeros


def test_a_scope_of_layers_prunes_each_alike():
    """Whatever their magnitudes."""
    training = trainer(ConstantSparsity(0.5), scope="layer")
    training.model[2].weight.data *= 100
    training.train_epoch(BATCHES)
    assert [measure_sparsity(training.model[place]) for place in (0, 2)] == [50, 50]


@pytest.mark.parametrize("optimizer", [Adam, SGD])
@pytest.mark.parametrize("stopped", [1, 2, 3])
def test_a_checkpoint_goes_on_bit_for_bit(tmp_path, optimizer, stopped):
    """In the middle of a schedule: masks, the count of steps, the optimizer's moments."""
    schedule = CubicSparsity(0.9, updates=4, every=3, start=1)
    whole, first, second = (trainer(schedule, optimizer) for _ in range(3))
    for number in range(4):
        whole.train_epoch(BATCHES)
        (first if number < stopped else second).train_epoch(BATCHES)
        if number == stopped - 1:
            first.save_checkpoint(tmp_path / "checkpoint")
            for parameter in second.model.parameters():
                parameter.data += 1
            second.load_checkpoint(tmp_path / "checkpoint")
    assert measure_sparsity(whole.model) > 80
    for name, array in whole.model.state_dict().items():
        assert np.array_equal(second.model.state_dict()[name], array)


def test_masks_are_part_of_the_state():
    """Weights that are 0 by chance in the model loaded into are not pruned there."""
    done, other = trainer(ConstantSparsity(0.5)), trainer(ConstantSparsity(0.5))
    done.train_epoch(BATCHES)
    other.optimizer.load_state_dict(done.optimizer.state_dict())
    other.train_epoch(BATCHES)
    assert np.array_equal(other.model[0].weight.data == 0, done.model[0].weight.data == 0)


WRONG = {
    "another schedule": (
        trainer(ConstantSparsity(0.5)),
        StateError,
        r"schedule of the state must be CubicSparsity\(.*\); got",
    ),
    "no schedule": (trainer(), StateError, "got None"),
    "another scope": (
        trainer(CubicSparsity(0.9, 4), scope="layer"),
        StateError,
        "scope of the state must be global; got layer",
    ),
    "another optimizer": (trainer(CubicSparsity(0.9, 4), SGD), StateError, "kind of the state must be Adam; got SGD"),
}


@pytest.mark.parametrize(("of", "kind", "words"), WRONG.values(), ids=WRONG.keys())
def test_the_state_of_another_is_refused(of, kind, words):
    """And nothing is taken over."""
    own = trainer(CubicSparsity(0.9, 4))
    own.train_epoch(BATCHES[:1])
    before = own.optimizer.state_dict()
    with pytest.raises(kind, match=words):
        own.optimizer.load_state_dict(of.optimizer.state_dict())
    assert own.optimizer.state_dict()["steps"] == before["steps"] == 1


def test_a_state_that_is_not_whole_is_refused():
    """Or whose masks are of other weights."""
    own = trainer().optimizer
    with pytest.raises(StateError, match=r"none of \['masks'\]"):
        own.load_state_dict({name: value for name, value in own.state_dict().items() if name != "masks"})
    with pytest.raises(ShapeError, match=r"the masks of the state must be of shapes \[\(8, 16\), \(16, 4\)\]"):
        own.load_state_dict(own.state_dict() | {"masks": [np.zeros((8, 16), bool)]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConstantSparsity(1.5), r"sparsity must be a ratio in \[0, 1\]; got 1.5"),
        (lambda: ConstantSparsity(float("nan")), "sparsity must be a ratio"),
        (lambda: ConstantSparsity(0.5, start=-1), "start must be a whole number of at least 0; got -1"),
        (lambda: ConstantSparsity(0.5, start=1.0), "start must be a whole number"),
        (lambda: CubicSparsity(90, 3), "final must be a ratio"),
        (lambda: CubicSparsity(0.5, 3, initial=0.6), "initial must be at most final, 0.5; got 0.6"),
        (lambda: CubicSparsity(0.5, 0), "updates must be a whole number above 0"),
        (lambda: CubicSparsity(0.5, 3, every=0), "every must be a whole number above 0"),
        (lambda: CubicSparsity(0.5, 3, start=True), "start must be a whole number"),
    ],
)
def test_an_impossible_schedule_is_refused(make, words):
    """As it is made, not a hundred steps later."""
    with pytest.raises(RangeError, match=words):
        make()


def test_what_is_no_schedule_is_refused():
    """With a hint at one that is; and so is an unknown scope."""
    with pytest.raises(DTypeError, match=r"schedule must be a ConstantSparsity or a CubicSparsity; got 0\.9"):
        trainer(0.9)
    with pytest.raises(RangeError, match="scope must be one of global, layer; got row"):
        trainer(scope="row")
