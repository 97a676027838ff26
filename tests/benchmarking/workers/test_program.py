"""Parts of the worker program, called here: what a system without /proc means, and messages in pieces."""

import numpy as np
import pytest

from tinytorch.benchmarking.clock import CLOCK
from tinytorch.benchmarking.workers.program.frames import BrokenFrameError, Decoder, encoded
from tinytorch.benchmarking.workers.program.memory import peak_of, resident_bytes
from tinytorch.benchmarking.workers.program.outputs import described
from tinytorch.benchmarking.workers.program.servant import Servant
from tinytorch.benchmarking.workers.program.workload import Workload, batches_of
from tinytorch.core.tensor import Tensor


def test_without_proc_memory_is_unknown_and_what_python_traces_is_there(tmp_path):
    """Unknown is none, not 0."""
    assert resident_bytes(str(tmp_path)) is None
    passes = peak_of(lambda: bytearray(100_000), str(tmp_path))
    assert {entry["peak_rss_delta"] for entry in passes} == {None}
    assert min(entry["traced_peak"] for entry in passes) >= 100_000


def test_messages_come_together_whatever_the_pieces():
    """Byte by byte, and two at once."""
    decoder, message = Decoder(), encoded({"a": [1]}) * 2
    found = [whole for byte in message for whole in decoder.feed(bytes([byte]))]
    assert found == [{"a": [1]}] * 2


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\2xx"])
def test_nonsense_is_no_message(nonsense):
    """Too long, no object, no JSON."""
    with pytest.raises(BrokenFrameError):
        list(Decoder().feed(nonsense))


def test_an_output_without_bits_has_no_digest_and_says_so():
    """An address is not an output."""
    found = described(object())
    assert found["digest"] is None
    assert "no array" in found["reason"]
    assert described({"a": [1, (2.0, None)]})["digest"] != described({"a": [1, (2.5, None)]})["digest"]


def test_a_tensor_of_ours_has_the_digest_of_its_array():
    """It can be detached as PyTorch's can, but lives on no device."""
    array = np.ones((2, 3), np.float32)
    assert described(Tensor(array))["digest"] == described(array)["digest"]


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_a_batch_begins_again_with_the_first_sample(kind):
    """Three samples make a batch of five, whatever holds them; the call does nothing but infer."""
    batch = batches_of(lambda samples: samples, kind(np.arange(6.0).reshape(3, 2)))
    found = batch(5)()
    assert np.asarray(getattr(found, "data", found)).tolist() == [[0, 1], [2, 3], [4, 5], [0, 1], [2, 3]]
    assert type(found) is type(kind(np.zeros(1)))


@pytest.mark.parametrize("inputs", [np.zeros(4), np.zeros((0, 4)), 3.0, [[1.0, 2.0]]])
def test_what_has_no_rows_of_samples_makes_no_batch(inputs):
    """Of a single vector, nobody knows whether its numbers are samples."""
    assert batches_of(abs, inputs) is None


def test_a_batch_is_what_is_timed_from_then_on():
    """Each size is prepared once; a workload of one's own says itself how."""
    made = []
    workload = Workload(lambda: None, batch=lambda size: made.append(size) or (lambda: size))
    servant = Servant(CLOCK, CLOCK.now_ns, lambda: workload)
    servant.do_load()
    assert [servant.do_batch(size) for size in (4, 2, 4)] == [{"size": 4}, {"size": 2}, {"size": 4}]
    assert (servant.do_outputs()["digest"], made) == (described(4)["digest"], [4, 2])
