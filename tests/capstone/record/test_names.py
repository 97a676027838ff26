"""The names of the record, and what they cost: nothing before they are used."""

import subprocess
import sys

import pytest

from tinytorch.capstone import record

HEAVY = {"pydantic", "rfc8785", "google", "cryptography", "matplotlib"}


@pytest.mark.parametrize("name", record.__all__)
def test_every_name_is_there(name):
    """From its module."""
    assert getattr(record, name).__doc__ or name == "CURRENT"
    assert name in record.HOMES


def test_an_unknown_name_is_refused():
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Recrod'"):
        _ = record.Recrod


@pytest.mark.parametrize("statement", ["import tinytorch.capstone", "from tinytorch.capstone.record import upgraded"])
def test_what_is_not_used_is_not_loaded(statement):
    """Reading a report takes no pydantic and no Protocol Buffers."""
    probe = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
