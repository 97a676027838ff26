"""Saved models: rebuilt from names and numbers, measured in a fresh process, refused where they do not fit."""

import json
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from tinytorch.benchmarking.adapters.architectures import LAYERS, described
from tinytorch.benchmarking.adapters.tinytorch_files import FORMAT, load_model, save_model, workload
from tinytorch.benchmarking.saved import SAVED
from tinytorch.benchmarking.subjects import subject_of
from tinytorch.benchmarking.workers import Conditions, kind_for, launch, target_of
from tinytorch.capstone.models import ImageMLP, PhotoCNN, SimpleMLP
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential, layers_of
from tinytorch.core.spatial import BatchNorm2d, Conv2d, LeNet
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import manual_seed
from tinytorch.core.transformers import GPT
from tinytorch.errors import DataError, DTypeError, RangeError, ShapeError
from tinytorch.perf import TECHNIQUES, factorize, prune, quantize, quantize_int4, remove_hidden_units, sparsify

CONVOLUTION = {"in_channels": 2, "out_channels": 3, "stride": 2, "bias": False}
SAMPLES = {"Conv2d": CONVOLUTION, "QuantizedConv2d": CONVOLUTION, "AvgPool2d": {"stride": 1}}
ARGUMENTS = {
    "entries": 4,
    "group": 64,
    "in_features": 5,
    "out_features": 2,
    "bias": True,
    "kind": "int8",
    "p": 0.25,
    "kernel_size": (3, 2),
    "stride": (2, 1),
    "padding": 1,
    "num_features": 2,
    "eps": 0.01,
    "momentum": 0.3,
    "num_classes": 4,
    "in_channels": 2,
    "image_size": 16,
    "input_size": 5,
    "hidden_size": 4,
    "output_size": 3,
    "vocab_size": 7,
    "embed_dim": 6,
    "num_layers": 2,
    "num_heads": 3,
    "max_seq_len": 5,
    "tie_weights": True,
    "dropout": 0.1,
}
SHAPES = {
    "GPT": (2, 4),
    "Int4Linear": (3, 5),
    "QuantizedLinear": (3, 5),
    "SparseLinear": (3, 5),
    "LeNet": (1, 2, 16, 16),
    "SimpleCNN": (2, 3, 8, 8),
    "Linear": (3, 5),
    "SimpleMLP": (1, 5),
    "ImageMLP": (1, 1, 28, 28),
    "PhotoCNN": (1, 3, 32, 32),
}


@pytest.fixture
def path(tmp_path):
    """Say where a file may be."""
    return tmp_path / "m.safetensors"


@pytest.fixture
def small(path):
    """Give a file that holds a small model."""
    save_model(Sequential(Linear(4, 3), ReLU(), Linear(3, 2, bias=False)), path)
    return path


def forged(path, architecture, arrays=None, input_shape="[1, 4]"):
    """Write a file that nobody's `save_model` wrote."""
    metadata = {"format": FORMAT, "architecture": architecture, "input_shape": input_shape}
    save_file(arrays or {"x": np.ones(1, np.float32)}, path, metadata)
    return path


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "Sequential" and not LAYERS[name].of_table])
def test_every_listed_layer_survives_a_file(path, name):
    """What it computes is the same, bit by bit, and its arguments are, whether it stands alone or nested."""
    given = ARGUMENTS | SAMPLES.get(name, {})
    layer = LAYERS[name].make(name, {argument: given[argument] for argument in LAYERS[name].arguments}).eval()
    shape = SHAPES.get(name, (1, 2, 6, 6))
    for model in (layer, Sequential(Sequential(layer))):
        save_model(model, path, shape)
        made = workload(str(path))
        assert repr(load_model(path)) == repr(model)
        assert np.array_equal(made.call().data, model.forward(made.inputs).data)


def test_strided_weights_survive_a_file(path):
    """A transposed view is written in the order of its axes, not in that of its memory."""
    model = Sequential(Linear(3, 4, bias=False))
    weight = np.arange(12, dtype=np.float32).reshape(4, 3).T
    model[0].weight.data = weight
    save_model(model, path)
    assert np.array_equal(load_model(path)[0].weight.data, weight)


def test_double_weights_stay_double(path):
    """And half of one, half of the other is refused: a reader could not have it again."""
    model = Sequential(Linear(3, 4), Linear(4, 2)).astype(np.float64)
    save_model(model, path)
    assert load_model(path)[1].bias.data.dtype == np.float64
    model[0].astype(np.float32)
    with pytest.raises(DTypeError, match="of one kind of number"):
        save_model(model, path)


def test_running_statistics_survive_a_file(path):
    """They are state that is no parameter."""
    model = Sequential(Conv2d(1, 2, 3), BatchNorm2d(2))
    model(Tensor(np.arange(50.0).reshape(2, 1, 5, 5)))
    save_model(model, path, (1, 1, 5, 5))
    assert np.array_equal(load_model(path)[1].running_mean, model[1].running_mean)


def test_neither_saving_nor_loading_draws_numbers(path):
    """A seeded program goes on as it would have."""
    model = Sequential(Linear(4, 2))
    manual_seed(3)
    expected = Linear(2, 2).weight.tolist()
    manual_seed(3)
    save_model(model, path)
    load_model(path)
    assert Linear(2, 2).weight.tolist() == expected


def test_saving_leaves_the_model_as_it_was(path):
    """Its mode too."""
    model = Sequential(Linear(4, 2), Dropout(0.5))
    save_model(model, path)
    assert (model.training, model[1].training, load_model(path)[1].training) == (True, True, False)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (Sequential(Dropout(0.1), Linear(7, 2)), (1, 7)),
        (SimpleMLP(6, 2, 2), (1, 6)),
        (LeNet(image_size=12), (1, 1, 12, 12)),
    ],
    ids=repr,
)
def test_the_input_is_one_sample_of_the_size_that_the_model_takes(path, model, shape):
    """Every reader draws the same one."""
    save_model(model, path)
    drawn = [workload(str(path)).inputs.data for _ in range(2)]
    assert drawn[0].shape == shape
    assert np.array_equal(*drawn)


def test_a_model_of_images_must_be_told_their_size(path):
    """A convolution takes any."""
    with pytest.raises(RangeError, match="Give input_shape"):
        save_model(Sequential(Conv2d(1, 2, 3)), path)


def test_samples_travel_with_the_model(path):
    """The first one is measured, all are judged."""
    model, inputs, labels = Sequential(Linear(4, 2)).eval(), np.arange(12.0).reshape(3, 4), np.array([0, 1, 0])
    save_model(model, path, inputs=inputs, labels=labels)
    made = workload(str(path))
    assert (made.call().shape, made.predict().shape, made.labels.tolist()) == ((1, 2), (3, 2), [0, 1, 0])
    assert np.array_equal(made.inputs.data, inputs[:1])


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ({"inputs": np.ones(4)}, "inputs must be of shape"),
        ({"inputs": np.ones((0, 4))}, "at least one"),
        ({"inputs": np.ones((2, 4)), "labels": [1]}, "labels must be of shape"),
        ({"labels": [1]}, "labels must be of inputs"),
        ({"inputs": np.ones((2, 5))}, "must be of shape"),
        ({"input_shape": (1, 3)}, "must be of shape"),
    ],
    ids=lambda value: "",
)
def test_samples_that_do_not_fit_are_refused_and_nothing_is_written(path, samples, words):
    """Whoever writes learns of it, not whoever reads."""
    with pytest.raises(ShapeError, match=words):
        save_model(Sequential(Linear(4, 2)), path, **samples)
    assert not path.exists()


def test_a_saved_model_is_measured_by_its_path(path):
    """A fresh process reads it, without a graph; the name is the file's, and its labelled samples can be asked for."""
    save_model(Sequential(Linear(4, 2)), path, inputs=np.ones((3, 4)), labels=[0, 1, 0])
    subject = subject_of(path)
    worker = launch(subject, Conditions(), kind_for(subject))
    try:
        assert worker.ask("load", 60, target=target_of(subject))["outputs"][0]["digest"]
        found = worker.ask("predictions", 60)
        assert (np.shape(found["scores"]), np.asarray(found["labels"]).tolist()) == ((3, 2), [0, 1, 0])
    finally:
        worker.close()
    assert subject.name == "m"
    assert subject_of(str(path)).factory == SAVED[".safetensors"]


def test_layers_that_were_changed_inside_a_larger_one_survive_a_file(path):
    """Narrower ones, quantized ones, two for one: each is described by its place, and nothing else is."""
    models = (LeNet(image_size=12), GPT(7, 8, 2, 2, 5), GPT(7, 8, 2, 2, 5, tie_weights=True))
    sparse = [sparsify(prune(model, 0.8), kind) for model in models for kind in ("float32", "int8")]
    thin = [factorize(model, 0.2) for model in models]
    for changed in [*map(quantize, models), *map(quantize_int4, models), *thin, *sparse]:
        save_model(changed, path)
        made = workload(str(path))
        assert [repr(layer) for layer in layers_of(made.model)] == [repr(layer) for layer in layers_of(changed)]
        assert np.array_equal(made.call().data, changed.eval().forward(made.inputs).data)
    with pytest.raises(DTypeError, match=r"one that says its fc1\.in_features"):
        save_model(factorize(SimpleMLP(6, 4, 3), 0.2), path)
    assert "changed" not in described(LeNet())


@pytest.mark.parametrize(
    "model", [LeNet(), PhotoCNN((8, 6, 4), 3), SimpleMLP(), ImageMLP(36, (20, 20), 3, 0.3)], ids=repr
)
def test_networks_with_fewer_units_survive_a_file(path, model):
    """Alone, and with bytes for weights."""
    shape = (1, 3, 32, 32) if isinstance(model, PhotoCNN) else None
    smaller = remove_hidden_units(model.eval(), 0.5, example=shape and np.ones(shape))
    for each in (smaller, quantize(smaller)):
        save_model(each, path, shape)
        made = workload(str(path))
        assert np.array_equal(made.call().data, each.forward(made.inputs).data)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("more", [deepcopy, quantize, quantize_int4, partial(factorize, rank_ratio=0.1)])
def test_a_language_model_with_narrower_perceptrons_survives_a_file(path, tied, more):
    """Its blocks say the width that they have, and the claim still holds."""
    model = GPT(11, 16, 2, 2, 6, tie_weights=tied).eval()
    smaller = more(remove_hidden_units(model, 0.5))
    save_model(smaller, path)
    again, tokens = load_model(path), Tensor(np.arange(6).reshape(1, 6), dtype=np.int64)
    assert [block.mlp.hidden_dim for block in again.blocks] == [32, 32]
    assert [repr(layer) for layer in layers_of(again)] == [repr(layer) for layer in layers_of(smaller)]
    assert np.array_equal(again(tokens).data, smaller.eval()(tokens).data)
    assert TECHNIQUES["prune.units.v1"].check(again, model, keep_ratio=0.5) == []
    assert again.generate([[1, 2]], 3, temperature=0).tolist() == smaller.generate([[1, 2]], 3, temperature=0).tolist()


@pytest.mark.parametrize("place", ["features", "fc1.weight", "fc9", "fc1.nothing", ""])
def test_a_change_at_a_place_where_no_layer_is_is_refused(path, place):
    """Nothing but layers is ever replaced."""
    arguments = {"input_size": 4, "hidden_size": 2, "output_size": 2}
    inner = {"layer": "ReLU", "arguments": {}}
    text = json.dumps({"layer": "SimpleMLP", "arguments": arguments, "changed": {place: inner}})
    with pytest.raises(DataError, match="built of"):
        load_model(forged(path, text))


def test_a_file_is_measured_compiled_where_that_is_asked_for(path):
    """With as many samples at once as the shape begins with."""
    model, inputs = quantize(Sequential(Linear(4, 2), ReLU())).eval(), np.arange(12, dtype=np.float32).reshape(3, 4)
    save_model(model, path, (2, 4), inputs=inputs)
    made = workload(str(path), compiled=True)
    assert type(made.model).__name__ == "CompiledModel"
    assert np.array_equal(made.call().data, model(Tensor(inputs[:2])).data)


def test_a_layer_of_ones_own_cannot_be_saved(path):
    """Reading it would need its code; a built-in layer that was given more state would lose it."""

    class Linear(Layer):
        """A layer that only has the name of a built-in one."""

    with pytest.raises(DTypeError, match="a layer of a saved model must be one of Sequential, Linear"):
        save_model(Sequential(Linear()), path, (1,))
    more = ReLU()
    more.slope = Tensor([0.1])
    with pytest.raises(DTypeError, match=r"nothing but what its kinds of layers hold; got .*slope"):
        save_model(Sequential(more), path, (1, 2))


def entry(layer, **arguments):
    """Describe a layer as a file does."""
    return json.dumps({"layer": layer, "arguments": arguments})


@pytest.mark.parametrize(
    "architecture",
    [
        entry("System"),
        entry("os.system", command="true"),
        entry("ReLU"),
        entry("Linear"),
        entry("Linear", in_features=0, out_features=1, bias=True),
        entry("Linear", in_features="4", out_features=1, bias=True),
        entry("Linear", in_features=10**12, out_features=10**12, bias=True),
        '{"layer": ["ReLU"]}',
        '{"layer": "Sequential", "layers": 3}',
        '"ReLU"',
        "[]",
        "null",
        "nonsense",
        "[" * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_a_forged_description_is_refused(path, architecture):
    """A layer is looked up in the list, and nowhere else."""
    with pytest.raises(DataError, match="built of"):
        load_model(forged(path, architecture))


def test_weights_of_another_shape_are_refused(small):
    """The layer and both shapes are named."""
    with safe_open(small, framework="numpy") as file:
        metadata, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays | {"layers.0.bias": np.ones(9, np.float32)}, small, metadata)
    with pytest.raises(DataError, match=r"layers\.0\.bias: \(9,\) for \(3,\).* at m\.safetensors"):
        load_model(small)


def test_a_truncated_file_is_refused_at_any_length(small):
    """Nothing is read by half."""
    whole = small.read_bytes()
    for length in range(0, len(whole), 97):
        small.write_bytes(whole[:length])
        with pytest.raises(DataError, match="a readable safetensors file"):
            load_model(small)


def test_another_file_is_refused(tmp_path):
    """Neither text, nor weights without a description, nor no file at all."""
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"x": np.ones(1, np.float32)}, tmp_path / "bare.safetensors")
    for name, words in (("text", "readable"), ("bare", "of the format")):
        with pytest.raises(DataError, match=words):
            load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError, match="no file gone"):
        subject_of(tmp_path / "gone.safetensors")
