"""Keys and ledgers."""

import pytest

from tinytorch.capstone.provenance import Ledger


@pytest.fixture
def key():
    """Give a new private key."""
    pytest.importorskip("cryptography")
    from tinytorch.capstone.provenance import generate_key

    return generate_key()


@pytest.fixture
def other(key):
    """Give another one."""
    from tinytorch.capstone.provenance import generate_key

    return generate_key()


@pytest.fixture
def ledger(tmp_path):
    """Give a ledger that is not there yet."""
    return Ledger(tmp_path / "state" / "attempts.jsonl")
