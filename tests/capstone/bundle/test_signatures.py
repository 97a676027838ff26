"""Bundles that somebody signed."""

import json

import pytest

from capstone.bundle.claims import changed
from tinytorch.capstone.bundle import Checks, pack, verification, verify
from tinytorch.capstone.bundle.witness import testimony as told_by
from tinytorch.errors import SubmissionError

provenance = pytest.importorskip("tinytorch.capstone.provenance")
pytest.importorskip("cryptography")


@pytest.fixture
def key():
    """Make a key."""
    return provenance.generate_key()


@pytest.fixture
def signed(claim, key, monkeypatch):
    """Sign a claim: the envelope lies beside it."""
    monkeypatch.setattr(verification, "heard", told_by)
    envelope = provenance.sign(json.loads(claim.read_text()), key)
    claim.with_suffix(".dsse.json").write_text(json.dumps(envelope))
    return claim


def check(claim, *keys):
    """Pack and check, without measuring."""
    return verify(pack(claim).path, Checks(speed=False, public_keys=keys))


def test_a_signature_by_a_key_given_is_told(signed, key):
    """By the key's name."""
    found = check(signed, key.public_key())
    assert found.signers == (provenance.key_id(key.public_key()),)


def test_without_a_key_a_signature_is_only_hearsay(signed, key):
    """Whose it says it is is told, and what to do."""
    found = check(signed)
    assert found.signers == ()
    assert provenance.key_id(key.public_key())[:16] in found.notes[0]
    assert "give --public-key to find out" in found.notes[0]


def test_a_signature_by_another_key_is_refused(signed):
    """It is somebody else's."""
    with pytest.raises(SubmissionError, match="signed with a key given"):
        check(signed, provenance.generate_key().public_key())


def test_a_bundle_that_nobody_signed_is_refused_where_a_key_is_given(claim, key):
    """Whoever took the signature away had a reason."""
    with pytest.raises(SubmissionError, match="signed with a key given"):
        check(claim, key.public_key())


@pytest.mark.parametrize("with_key", [True, False])
def test_a_submission_that_was_changed_after_it_was_signed_is_refused(signed, key, with_key):
    """With or without a key: the envelope is about another document."""
    changed(signed, lambda document: document["author"].update(name="Bob"))
    with pytest.raises(SubmissionError, match=r"the canonical form of submission\.json"):
        check(signed, *([key.public_key()] if with_key else []))


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"payload": 1, "signatures": 2}', "[" * 100_000])
def test_an_envelope_that_is_none_is_refused(signed, key, content):
    """And nothing worse happens."""
    signed.with_suffix(".dsse.json").write_text(content)
    for keys in ((), (key.public_key(),)):
        with pytest.raises(SubmissionError, match="the signature"):
            check(signed, *keys)
