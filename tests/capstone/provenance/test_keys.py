"""Keys in files."""

import os
import stat

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec

from tinytorch.capstone.provenance import (
    is_encrypted,
    is_exposed,
    key_id,
    load_private_key,
    load_public_key,
    save_key_pair,
)
from tinytorch.errors import DataError


@pytest.mark.parametrize("passphrase", [None, "fünf Wörter"])
def test_a_pair_comes_back_from_its_files(key, tmp_path, passphrase):
    """Both keys, with and without a passphrase."""
    path = tmp_path / "new" / "key.pem"
    public = save_key_pair(key, path, passphrase)
    assert public == str(tmp_path / "new" / "key.pub.pem")
    assert load_private_key(path, passphrase).private_bytes_raw() == key.private_bytes_raw()
    assert key_id(load_public_key(public)) == key_id(key.public_key())
    assert is_encrypted(path) == (passphrase is not None)


@pytest.mark.skipif(os.name != "posix", reason="other systems keep no such bits")
def test_only_its_owner_reads_a_private_key(key, tmp_path):
    """From the first instant; everybody may read the public one."""
    public = save_key_pair(key, tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert (is_exposed(tmp_path / "key.pem"), is_exposed(public)) == (False, True)


@pytest.mark.parametrize("taken", ["key.pem", "key.pub.pem"])
def test_no_key_is_replaced(key, tmp_path, taken):
    """Neither file is written then, and what was there stays."""
    (tmp_path / taken).write_text("precious")
    with pytest.raises(DataError, match="must be a new one; got one that exists"):
        save_key_pair(key, tmp_path / "key.pem")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {taken: "precious"}


@pytest.mark.parametrize("passphrase", [None, "", "wrong"])
def test_a_wrong_passphrase_opens_nothing(key, tmp_path, passphrase):
    """Nor does none."""
    save_key_pair(key, tmp_path / "key.pem", "right")
    with pytest.raises(DataError, match=r"must be readable PEM, with its passphrase"):
        load_private_key(tmp_path / "key.pem", passphrase)


def test_a_passphrase_that_is_not_needed_does_no_harm(key, tmp_path):
    """It may be set for other keys."""
    save_key_pair(key, tmp_path / "key.pem")
    assert load_private_key(tmp_path / "key.pem", "any").private_bytes_raw() == key.private_bytes_raw()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\x00\xff", b"x" * 100_000])
def test_what_is_no_key_is_refused_by_its_path(tmp_path, content):
    """Whatever bytes it holds."""
    (tmp_path / "key.pem").write_bytes(content)
    for load in (load_private_key, load_public_key):
        with pytest.raises(DataError, match=r"key\.pem"):
            load(tmp_path / "key.pem")


def test_a_missing_file_is_refused(tmp_path):
    """By its path."""
    with pytest.raises(DataError, match="must be readable"):
        load_public_key(tmp_path / "none.pem")


def test_a_public_key_is_no_private_one(key, tmp_path):
    """Nor the other way round."""
    public = save_key_pair(key, tmp_path / "key.pem")
    with pytest.raises(DataError, match="a private key must be"):
        load_private_key(public)
    with pytest.raises(DataError, match="a public key must be"):
        load_public_key(tmp_path / "key.pem")


def test_a_key_of_another_kind_is_refused(tmp_path):
    """One kind of signature is enough."""
    foreign = ec.generate_private_key(ec.SECP256R1())
    private = foreign.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    public = foreign.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "key.pub.pem").write_bytes(public)
    with pytest.raises(DataError, match="a private key must be one of Ed25519"):
        load_private_key(tmp_path / "key.pem")
    with pytest.raises(DataError, match="a public key must be one of Ed25519"):
        load_public_key(tmp_path / "key.pub.pem")
