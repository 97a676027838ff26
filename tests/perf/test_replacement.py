"""Other layers in the place of some, wherever they stand."""

import pytest

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.perf.replacement import layers_by_path, replace_layers


class Holder:
    """A model of no base class, with layers in all places."""

    def __init__(self):
        self.one = Linear(1, 1)
        self.some = (Linear(1, 1), [Linear(1, 1)])
        self.named = {"inner": Sequential(Linear(1, 1), ReLU())}
        self._private = Linear(1, 1)
        self.again = self.one
        self.itself = self

    def forward(self, x):
        """Stand for a model."""
        return x


def to_relu(layer):
    """Replace linear layers."""
    return ReLU() if isinstance(layer, Linear) else None


def test_layers_are_replaced_in_attributes_lists_tuples_and_dictionaries():
    """In private attributes too; a model that holds itself is no endless one."""
    model, made = replace_layers(Holder(), to_relu)
    there = [model.one, model.some[0], model.some[1][0], model.named["inner"][0], model._private]
    assert [type(layer) for layer in there] == [ReLU] * 5
    assert {id(layer) for layer in made} == {id(layer) for layer in there}


def test_what_stands_in_two_places_is_replaced_by_one():
    """And made once."""
    model, made = replace_layers(Holder(), to_relu)
    assert model.one is model.again
    assert len(made) == 5


def test_a_model_that_is_a_layer_to_be_replaced_is_replaced_itself():
    """The caller gets what stands for it."""
    found, made = replace_layers(Linear(1, 1), to_relu)
    assert made == [found]
    assert isinstance(found, ReLU)


def test_what_is_put_in_is_not_looked_into():
    """A pair of linear layers in the place of one would be replaced for ever."""
    pair = Sequential(Linear(1, 1), Linear(1, 1))
    model, made = replace_layers(Sequential(Linear(1, 1)), lambda layer: pair if isinstance(layer, Linear) else None)
    assert (model[0], made) == (pair, [pair])


@pytest.mark.parametrize("model", [len, object(), 3, []], ids=lambda model: type(model).__name__)
def test_what_holds_no_layer_is_given_back(model):
    """Whoever asks says what that means."""
    assert replace_layers(model, to_relu) == (model, [])


def test_paths_name_each_place():
    """A layer in two places has two; one that holds itself is not followed again."""
    paths = list(layers_by_path(Holder()))
    inner = [f"named.inner.layers.{position}" for position in (0, 1)]
    assert paths == ["", "one", "some.0", "some.1.0", "named.inner", *inner, "_private", "again"]
