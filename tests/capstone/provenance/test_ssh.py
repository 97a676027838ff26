"""Signatures by ssh-keygen."""

import shutil
import subprocess
import sys

import pytest
import rfc8785

from tinytorch.capstone.provenance import sign_with_ssh, verify_with_ssh
from tinytorch.errors import DataError, StateError

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen here")
DOCUMENT = {"accuracy": 0.9, "name": "größer"}
ADA = "ada@example.org"


def ssh_key(folder, name, passphrase=""):
    """Make an SSH key."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture
def key(tmp_path):
    """Give Ada's key."""
    return ssh_key(tmp_path, "ada")


@pytest.fixture
def allowed(tmp_path, key):
    """Give a file that allows Ada her key."""
    path = tmp_path / "allowed"
    path.write_text(f"{ADA} {key.with_suffix('.pub').read_text()}")
    return path


@needs_ssh
def test_a_signature_is_verified_by_the_keys_that_are_allowed(key, allowed):
    """The key's fingerprint comes back."""
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], check=True, capture_output=True, text=True).stdout
    assert verify_with_ssh(DOCUMENT, sign_with_ssh(DOCUMENT, key), allowed, ADA) == said.split()[1]


@needs_ssh
def test_ssh_keygen_alone_verifies_it(key, allowed, tmp_path):
    """Over the canonical bytes: a stranger needs nothing of ours."""
    (tmp_path / "sig").write_bytes(sign_with_ssh(DOCUMENT, key))
    where = ["-f", str(allowed), "-I", ADA, "-n", "tinytorch-submission", "-s", str(tmp_path / "sig")]
    command = ["ssh-keygen", "-Y", "verify", *where]
    assert subprocess.run(command, input=rfc8785.dumps(DOCUMENT), check=False, capture_output=True).returncode == 0


@needs_ssh
def test_anything_else_than_what_was_signed_is_refused(key, allowed):
    """A changed document, another identity, another key, a cut signature."""
    signature = sign_with_ssh(DOCUMENT, key)
    stranger = sign_with_ssh(DOCUMENT, ssh_key(key.parent, "eve"))
    cases = [
        (DOCUMENT | {"accuracy": 0.91}, signature, ADA),
        (DOCUMENT, signature, "eve@example.org"),
        (DOCUMENT, stranger, ADA),
        (DOCUMENT, signature[:-40], ADA),
        (DOCUMENT, b"", ADA),
    ]
    for document, made, identity in cases:
        with pytest.raises(DataError, match="the signature must be one of"):
            verify_with_ssh(document, made, allowed, identity)


@needs_ssh
def test_a_signature_for_another_purpose_is_refused(key, allowed, tmp_path):
    """Somebody signed the same bytes as an e-mail, say."""
    (tmp_path / "message").write_bytes(rfc8785.dumps(DOCUMENT))
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "email", str(tmp_path / "message")]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(DataError, match="the signature must be one of"):
        verify_with_ssh(DOCUMENT, (tmp_path / "message.sig").read_bytes(), allowed, ADA)


@needs_ssh
def test_what_is_no_key_signs_nothing(tmp_path):
    """Neither a missing file nor another one."""
    (tmp_path / "text").write_text("no key")
    with pytest.raises(DataError, match="must be readable"):
        sign_with_ssh(DOCUMENT, tmp_path / "none")
    with pytest.raises(DataError, match="the key must be one that signs"):
        sign_with_ssh(DOCUMENT, tmp_path / "text")


@needs_ssh
def test_a_passphrase_that_nobody_can_type_is_an_error_not_a_wait(tmp_path):
    """In a session without a terminal."""
    path = ssh_key(tmp_path, "locked", "secret")
    probe = (
        "import sys; from tinytorch.capstone.provenance import sign_with_ssh\n"
        "try:\n    sign_with_ssh({}, sys.argv[1], seconds=20)\nexcept ValueError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(path)],
        capture_output=True, text=True, check=True, start_new_session=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "add it to ssh-agent" in done.stdout


def test_without_ssh_keygen_the_remedy_is_named(tmp_path, monkeypatch):
    """And the other way to sign."""
    (tmp_path / "key").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StateError, match="Install OpenSSH"):
        sign_with_ssh(DOCUMENT, tmp_path / "key")


def test_a_program_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    """It is killed, and the error says so."""

    def run(command, **said):
        raise subprocess.TimeoutExpired(command, said["timeout"])

    (tmp_path / "key").write_text("")
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(StateError, match="must be done in 3 s"):
        sign_with_ssh(DOCUMENT, tmp_path / "key", seconds=3)
