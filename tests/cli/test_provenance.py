"""`tinytorch keygen`, `sign`, `verify-signature` and `attempts`, as a user calls them."""

import json
import shutil
import stat
import subprocess

import pytest

from cli.test_commands import METRICS, SUBMISSION
from tinytorch.capstone.provenance import Ledger, attempts_section
from tinytorch.capstone.record import canonical_bytes, document_sha256
from tinytorch.cli import app

needs_cryptography = pytest.mark.usefixtures("cryptography")


@pytest.fixture
def cryptography():
    """Skip where it is not installed."""
    pytest.importorskip("cryptography")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in a folder with a valid submission, with a state folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TINYTORCH_PASSPHRASE", raising=False)
    (tmp_path / "submission.json").write_text(json.dumps(SUBMISSION, indent=1))
    return tmp_path


@pytest.fixture
def tell(capsys):
    """Give a function that runs a command with --json, and gives its exit code and document."""

    def told(*arguments):
        code = app.run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return told


@needs_cryptography
def test_a_submission_is_signed_and_verified(place, tell):
    """From nothing to a verified signature in three commands."""
    code, made = tell("keygen", "ada.pem")
    assert (code, made["private_key"], made["public_key"], made["is_encrypted"]) == (0, "ada.pem", "ada.pub.pem", False)
    assert stat.S_IMODE((place / "ada.pem").stat().st_mode) == 0o600
    code, signed = tell("sign", "submission.json", "--key", "ada.pem")
    assert (code, signed["output"], signed["keyid"]) == (0, "submission.dsse.json", made["keyid"])
    code, found = tell("verify-signature", "submission.dsse.json", "--public-key", "ada.pub.pem", "--output", "out")
    assert (code, found["verified"], found["signers"], found["reason"]) == (0, True, [made["keyid"]], None)
    assert (place / "out").read_bytes() == canonical_bytes(SUBMISSION)


@needs_cryptography
def test_people_are_told_in_words(place, capsys):
    """Each command in a line or three."""
    for arguments, wanted in [
        (["keygen", "ada.pem"], "not encrypted: whoever reads it can sign as you"),
        (["sign", "submission.json", "--key", "ada.pem"], "the signature is in submission.dsse.json"),
        (["verify-signature", "submission.dsse.json", "--public-key", "ada.pub.pem"], "VERIFIED  submission.dsse.json"),
    ]:
        assert app.run(arguments) == app.OK
        assert wanted in capsys.readouterr().out


@needs_cryptography
def test_an_existing_key_is_not_replaced(place, capsys):
    """Not even an empty file of that name."""
    (place / "ada.pem").write_text("")
    assert app.run(["keygen", "ada.pem"]) == app.INVALID
    assert "must be a new one; got one that exists" in capsys.readouterr().err
    assert (place / "ada.pem").read_text() == ""


@needs_cryptography
def test_a_passphrase_comes_from_the_environment(place, tell, monkeypatch, capsys):
    """Without it, and without a terminal, nobody can sign."""
    monkeypatch.setenv("TINYTORCH_PASSPHRASE", "secret")
    assert tell("keygen", "ada.pem", "--passphrase")[1]["is_encrypted"]
    assert tell("sign", "submission.json", "--key", "ada.pem")[0] == app.OK
    monkeypatch.delenv("TINYTORCH_PASSPHRASE")
    assert app.run(["sign", "submission.json", "--key", "ada.pem", "--output", "again"]) == app.INVALID
    assert "Set TINYTORCH_PASSPHRASE" in capsys.readouterr().err


@needs_cryptography
@pytest.mark.parametrize(("typed", "code"), [(["one", "one"], 0), (["one", "two"], 1), (["", ""], 1)])
def test_a_passphrase_is_typed_twice(place, monkeypatch, typed, code):
    """A typing error would lock the key for ever."""
    answers = iter(typed)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert app.run(["keygen", "ada.pem", "--passphrase"]) == code
    assert (place / "ada.pem").exists() == (code == 0)


@needs_cryptography
def test_a_key_that_others_can_read_is_said(place, capsys):
    """It still signs: the harm is done."""
    app.run(["keygen", "ada.pem"])
    (place / "ada.pem").chmod(0o644)
    assert app.run(["sign", "submission.json", "--key", "ada.pem"]) == app.OK
    assert "others can read ada.pem" in capsys.readouterr().err


@needs_cryptography
def test_a_second_signature_goes_into_the_same_envelope(place, tell):
    """Both are found; one of them may be unknown."""
    ada, bob = (tell("keygen", f"{name}.pem")[1]["keyid"] for name in ("ada", "bob"))
    tell("sign", "submission.json", "--key", "ada.pem")
    assert tell("sign", "submission.dsse.json", "--key", "bob.pem")[1]["output"] == "submission.dsse.json"
    both = tell(
        "verify-signature", "submission.dsse.json", "--public-key", "ada.pub.pem", "--public-key", "bob.pub.pem"
    )
    assert (both[1]["signers"], both[1]["unknown"]) == ([ada, bob], [])
    one = tell("verify-signature", "submission.dsse.json", "--public-key", "bob.pub.pem")
    assert (one[1]["signers"], one[1]["unknown"]) == ([bob], [ada])


@needs_cryptography
def test_an_envelope_is_not_written_over_another(place, tell, capsys):
    """The signatures of others are in it."""
    tell("keygen", "ada.pem")
    tell("sign", "submission.json", "--key", "ada.pem")
    before = (place / "submission.dsse.json").read_bytes()
    assert app.run(["sign", "submission.json", "--key", "ada.pem"]) == app.INVALID
    assert "must be a new one" in capsys.readouterr().err
    assert (place / "submission.dsse.json").read_bytes() == before


@needs_cryptography
def test_an_invalid_submission_is_not_signed(place, capsys):
    """Nobody puts a name under it by mistake."""
    broken = SUBMISSION | {"baseline": {"model_name": "m", "metrics": METRICS | {"accuracy": 92}}}
    (place / "submission.json").write_text(json.dumps(broken))
    app.run(["keygen", "ada.pem"])
    assert app.run(["sign", "submission.json", "--key", "ada.pem"]) == app.INVALID
    assert "accuracy must be" in capsys.readouterr().err
    assert not (place / "submission.dsse.json").exists()


@needs_cryptography
@pytest.mark.parametrize(
    ("file", "key", "wanted"),
    [
        ("submission.dsse.json", "bob.pub.pem", "must be signed with a key given"),
        ("submission.dsse.json", "none.pem", "must be readable"),
        ("submission.json", "ada.pub.pem", "must be an envelope"),
        ("none.json", "ada.pub.pem", "none.json"),
    ],
)
def test_what_is_not_verified_exits_with_1_and_the_reason(place, tell, file, key, wanted):
    """And writes nothing."""
    for name in ("ada", "bob"):
        tell("keygen", f"{name}.pem")
    tell("sign", "submission.json", "--key", "ada.pem")
    code, found = tell("verify-signature", file, "--public-key", key, "--output", "out")
    assert (code, found["verified"], (place / "out").exists()) == (1, False, False)
    assert wanted in found["reason"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["keygen"],
        ["sign", "submission.json"],
        ["verify-signature", "f"],
        ["verify-signature", "f", "--public-key", "p", "--allowed-signers", "a"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    """Before anything is read."""
    with pytest.raises(SystemExit) as stopped:
        app.run(arguments)
    assert stopped.value.code == app.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify-signature", "f", "--allowed-signers", "a"],
        ["verify-signature", "f", "--public-key", "p", "--identity", "ada"],
        ["run", "--ledger", "l"],
        ["compare", "a", "b", "--ledger", "l"],
    ],
)
def test_arguments_that_do_not_go_together_are_wrong_usage(arguments, capsys):
    """Said in a line."""
    assert app.run(arguments) == app.USAGE
    assert "tinytorch: error: --" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen here")
def test_an_ssh_key_signs_and_its_allowed_signer_is_found(place, tell):
    """The signature lies beside the submission; a changed submission is refused."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "id"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (place / "allowed").write_text(f"ada {(place / 'id.pub').read_text()}")
    assert tell("sign", "submission.json", "--key", "id", "--ssh")[1]["output"] == "submission.json.sig"
    who = ["--allowed-signers", "allowed", "--identity", "ada"]
    code, found = tell("verify-signature", "submission.json", *who)
    assert (code, found["signers"][0].startswith("ada with the key SHA256:")) == (0, True)
    (place / "submission.json").write_text(json.dumps(SUBMISSION | {"student_name": "Eve"}))
    assert tell("verify-signature", "submission.json", *who)[0] == app.INVALID


def test_no_attempts_are_no_error(place, capsys):
    """Nobody has begun; but a ledger that is named must be there."""
    assert app.run(["attempts"]) == app.OK
    assert "There are no attempts" in capsys.readouterr().out
    assert app.run(["attempts", "none.jsonl"]) == app.INVALID


def test_attempts_are_listed_with_what_came_of_them(place, tell, capsys):
    """Also those that were never heard of again."""
    ledger = Ledger()
    ledger.start("lenet").finish("ab" * 32, "1.3 times as fast")
    ledger.start("lenet").abort("interrupted")
    ledger.start("[bold]mlp")
    code, found = tell("attempts")
    states = [(row["campaign"], row["state"]) for row in found["attempts"]]
    expected = [("lenet", "finished"), ("lenet", "aborted"), ("[bold]mlp", "not ended")]
    assert (code, found["valid"], found["head"], states) == (0, True, ledger.head(), expected)
    assert [row["campaign"] for row in tell("attempts", "--campaign", "lenet")[1]["attempts"]] == ["lenet"] * 2
    assert app.run(["attempts"]) == app.OK
    out = capsys.readouterr().out
    assert [text for text in ("[bold]mlp", "counts as aborted", "WHOLE", "1.3 times") if text not in out] == []


def test_a_ledger_that_was_changed_exits_with_1(place, capsys):
    """And says where."""
    ledger = Ledger("l")
    ledger.start("lenet").finish(None, "slower")
    (place / "l").write_text((place / "l").read_text().replace("slower", "faster"))
    assert app.run(["attempts", "l"]) == app.INVALID
    out = capsys.readouterr().out
    assert ("INVALID" in out, "must be one with the entry" in out) == (True, True)


def test_a_torn_ledger_is_repaired_when_asked(place, capsys):
    """Not before."""
    Ledger("l").start("lenet")
    with (place / "l").open("ab") as file:
        file.write(b"{torn")
    assert app.run(["attempts", "l"]) == app.INVALID
    assert "run `tinytorch attempts --repair`" in capsys.readouterr().out
    assert app.run(["attempts", "l", "--repair"]) == app.OK
    assert "an entry says so now" in capsys.readouterr().out


def test_what_a_submission_says_of_its_attempts_is_checked(place, tell):
    """Against the ledger it was made with."""
    ledger = Ledger("l")
    ledger.start("lenet").abort("interrupted")
    attempt = ledger.start("lenet")
    document = SUBMISSION | {"attempts": attempts_section(attempt, None)}
    attempt.finish(document_sha256(document), "done")
    (place / "submission.json").write_text(json.dumps(document))
    assert tell("attempts", "l", "--submission", "submission.json")[0] == app.OK
    document["attempts"]["preceding"] = 0
    (place / "submission.json").write_text(json.dumps(document))
    code, found = tell("attempts", "l", "--submission", "submission.json")
    assert (code, "preceding must be 1" in found["problems"][0]) == (1, True)
