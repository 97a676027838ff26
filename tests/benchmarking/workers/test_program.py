"""Parts of the worker program, called here: what a system without /proc means, and messages in pieces."""

import numpy as np
import pytest

from tinytorch.benchmarking.workers.program.frames import BrokenFrameError, Decoder, encoded
from tinytorch.benchmarking.workers.program.memory import peak_of, resident_bytes
from tinytorch.benchmarking.workers.program.outputs import described
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
