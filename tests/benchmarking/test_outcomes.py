"""What models said of samples, packed."""

import json

import numpy as np
import pytest

from tinytorch.benchmarking.outcomes import Outcomes, outputs_digest, pack, unpack
from tinytorch.benchmarking.workers.program.outputs import described
from tinytorch.errors import DataError, DTypeError, ShapeError


@pytest.mark.parametrize("largest", [0, 1, 2, 9, 255, 256, 70_000])
@pytest.mark.parametrize("count", [1, 2, 7, 8, 1797])
def test_classes_go_round_with_as_few_bits_as_the_largest_takes(largest, count):
    """Whatever the number of either."""
    classes = np.random.default_rng(0).integers(0, largest + 1, count)
    classes[0] = largest
    outcomes = Outcomes.of(classes)
    assert outcomes.classes.tolist() == classes.tolist()
    assert (outcomes.bits, len(outcomes.packed)) == (max(largest.bit_length(), 1), -(-outcomes.bits * count // 8))


def test_a_record_goes_round_json():
    """It travels in files."""
    outcomes = Outcomes.of(np.array([3, 1, 2]), digest="ab")
    assert Outcomes.from_dict(json.loads(json.dumps(outcomes.to_dict()))) == outcomes


def test_each_sample_is_right_or_not():
    """Which ones, not only how many: models are compared sample by sample."""
    assert Outcomes.of(np.array([0, 1, 2])).is_right(np.array([0, 2, 2])).tolist() == [True, False, True]


def test_labels_of_other_samples_are_refused():
    """One for each."""
    with pytest.raises(ShapeError, match=r"the labels must be of shape \(3,\)"):
        Outcomes.of(np.array([0, 1, 2])).is_right(np.array([0, 1]))


def test_a_record_of_the_wrong_length_is_refused():
    """More or fewer bytes than so many classes take."""
    for packed in (b"", b"ab"):
        with pytest.raises(DataError, match="the packed classes must be 1 bytes for 3 classes of 2 bits"):
            unpack(packed, bits=2, count=3)


def test_packing_is_the_most_significant_bit_first():
    """Others can read it: 01 10 11 and two bits to spare."""
    assert pack(np.array([1, 2, 3]), bits=2) == bytes([0b01101100])


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (np.zeros((2, 2), int), ShapeError),
        (np.zeros(0, int), DataError),
        (np.array([0.5]), DTypeError),
        (np.array([-1]), DTypeError),
    ],
)
def test_what_is_no_row_of_classes_is_refused(classes, kind):
    """Each for its own reason."""
    with pytest.raises(kind):
        Outcomes.of(classes)


def test_the_hash_sees_every_bit_the_kind_and_the_shape():
    """Two models whose outputs differ anywhere have different hashes; a copy has the same."""
    output = np.arange(6, dtype=np.float32).reshape(2, 3)
    others = [output.astype(np.float64), output.reshape(3, 2), np.nextafter(output, 9), output.T, output[0]]
    assert len({outputs_digest(other) for other in (output, *others)}) == 6
    assert outputs_digest(np.asfortranarray(output)) == outputs_digest(output)


@pytest.mark.parametrize("output", [np.arange(6.0).reshape(2, 3), np.zeros(0, np.int8), np.float32([[1.5]])])
def test_a_worker_hashes_outputs_alike(output):
    """So that the outputs of timed calls can be held to those that accuracy was counted on."""
    assert described(output)["digest"] == outputs_digest(output)
