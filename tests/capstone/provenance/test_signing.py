"""Envelopes: who signed what, and what is refused."""

import base64
import copy
import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tinytorch.capstone.provenance import (
    PAYLOAD_TYPE,
    cosign,
    generate_key,
    is_envelope,
    key_id,
    sign,
    verify,
)
from tinytorch.capstone.provenance.envelope import encoding
from tinytorch.capstone.record import canonical_bytes
from tinytorch.errors import DataError, StateError

DOCUMENT = {"schema_version": "2.0.0", "baseline": {"accuracy": 0.9, "name": "größer", "counts": [3, None, True]}}
RFC_8032 = [  # section 7.1: secret key, public key, message, signature
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655"
            "141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00"
            "d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc02"
            "7beceea1ec40a"
        ),
    ),
]
KNOWN = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_8032[0][0]))
SIGNED = sign(DOCUMENT, KNOWN)


def refusal(envelope, *keys):
    """Verify what must be refused; give the reason."""
    with pytest.raises(DataError) as caught:
        verify(envelope, [key.public_key() for key in keys or (KNOWN,)])
    return str(caught.value)


def with_payload(payload, kind=PAYLOAD_TYPE):
    """Make an envelope around any bytes, with a signature that fits."""
    signature = base64.b64encode(KNOWN.sign(encoding(kind, payload))).decode()
    keyid = key_id(KNOWN.public_key())
    content = base64.b64encode(payload).decode()
    return {"payload": content, "payloadType": kind, "signatures": [{"keyid": keyid, "sig": signature}]}


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_the_signatures_are_those_of_rfc_8032(secret, public, message, signature):
    """Another implementation must find the same."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_key().public_bytes_raw().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        ("", b"", b"DSSEv1 0  0 "),
        ("tüp", b"\x00\xff ", b"DSSEv1 4 t\xc3\xbcp 3 \x00\xff "),
    ],
)
def test_what_is_signed_is_the_encoding_of_the_protocol(kind, payload, expected):
    """The example of DSSE's protocol; lengths count bytes."""
    assert encoding(kind, payload) == expected


@given(st.tuples(st.text(max_size=9), st.binary(max_size=9)), st.tuples(st.text(max_size=9), st.binary(max_size=9)))
def test_different_contents_have_different_encodings(one, two):
    """No type and payload can be read as another pair."""
    assert (encoding(*one) == encoding(*two)) == (one == two)


def test_an_envelope_is_what_dsse_says():
    """Its members, the canonical payload, and the signature over both, by hand."""
    payload = base64.b64decode(SIGNED["payload"])
    assert payload == (
        '{"baseline":{"accuracy":0.9,"counts":[3,null,true],"name":"größer"},"schema_version":"2.0.0"}'.encode()
    )
    assert (sorted(SIGNED), SIGNED["payloadType"]) == (["payload", "payloadType", "signatures"], PAYLOAD_TYPE)
    signed = b"DSSEv1 41 application/vnd.tinytorch.submission+json %d " % len(payload) + payload
    KNOWN.public_key().verify(base64.b64decode(SIGNED["signatures"][0]["sig"]), signed)
    assert SIGNED["signatures"][0]["keyid"] == hashlib.sha256(bytes.fromhex(RFC_8032[0][1])).hexdigest()


def test_the_order_of_keys_and_the_way_numbers_are_written_do_not_matter():
    """One meaning has one signature."""
    turned = {name: DOCUMENT[name] for name in reversed(DOCUMENT)}
    assert sign(json.loads(json.dumps(turned, indent=3)), KNOWN) == SIGNED


def test_what_was_signed_comes_back_with_the_signers_name():
    """The document, and the key id."""
    signed = verify(SIGNED, [KNOWN.public_key()])
    assert (signed.document, signed.keyids, signed.unknown) == (DOCUMENT, (key_id(KNOWN.public_key()),), ())


def test_several_sign_one_envelope(key, other):
    """Each of the given keys is found; the third is unknown."""
    envelope = cosign(cosign(sign(DOCUMENT, key), other), KNOWN)
    signed = verify(envelope, [KNOWN.public_key(), key.public_key()])
    assert signed.keyids == (key_id(key.public_key()), key_id(KNOWN.public_key()))
    assert signed.unknown == (key_id(other.public_key()),)


def test_a_key_signs_once(key):
    """Twice proves no more than once."""
    with pytest.raises(StateError, match="has not signed this yet"):
        cosign(sign(DOCUMENT, key), key)


def test_another_key_does_not_verify_it(key):
    """Whatever the envelope says of itself."""
    assert "must be signed with a key given" in refusal(SIGNED, key)


def test_no_key_verifies_nothing():
    """Trust comes from outside."""
    with pytest.raises(DataError, match="at least one key"):
        verify(SIGNED, [])


def test_a_signature_without_a_name_is_tried_with_every_key(key):
    """A keyid is a hint."""
    envelope = copy.deepcopy(SIGNED)
    del envelope["signatures"][0]["keyid"]
    assert verify(envelope, [key.public_key(), KNOWN.public_key()]).keyids == (key_id(KNOWN.public_key()),)
    assert "signatures of no name" in refusal(envelope, key)


def test_a_borrowed_name_is_refused(key):
    """A signature that names a trusted key and does not fit it."""
    envelope = sign(DOCUMENT, key)
    envelope["signatures"][0]["keyid"] = key_id(KNOWN.public_key())
    assert "must be one that fits" in refusal(envelope)


def test_one_false_signature_beside_a_true_one_is_refused(key):
    """Somebody changed something; that is worth saying."""
    envelope = cosign(SIGNED, key)
    envelope["signatures"][1]["sig"] = envelope["signatures"][0]["sig"]
    assert "must be one that fits" in refusal(envelope, KNOWN, key)


def test_the_same_name_twice_is_refused():
    """Two signatures of one key must not count as two signers."""
    assert "must be different" in refusal(SIGNED | {"signatures": SIGNED["signatures"] * 2})


@pytest.mark.parametrize("member", ["payload", "payloadType", "signatures"])
def test_no_member_can_be_missing(member):
    """An envelope has three."""
    assert f"$.{member}" in refusal({name: value for name, value in SIGNED.items() if name != member})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"payload": 3}, "payload must be text"),
        ({"payload": "a"}, "payload must be base64"),
        ({"payload": SIGNED["payload"][:-4]}, "must be one that fits"),
        ({"payload": SIGNED["payload"][:-1]}, "must be base64"),
        ({"payload": SIGNED["payload"] + "\n"}, "must be base64"),
        ({"payloadType": "application/json"}, "must be one that fits"),
        ({"payloadType": None}, "payloadType must be text"),
        ({"signatures": []}, "a list of 1 to 64"),
        ({"signatures": SIGNED["signatures"] * 65}, "a list of 1 to 64"),
        ({"signatures": {}}, "a list of 1 to 64"),
        ({"signatures": [None]}, "a signature must be an object"),
        ({"signatures": [{"keyid": 1, "sig": ""}]}, "keyid must be text"),
        ({"signatures": [SIGNED["signatures"][0] | {"sig": SIGNED["signatures"][0]["sig"][:40]}]}, "one that fits"),
        ({"signatures": [SIGNED["signatures"][0] | {"sig": ""}]}, "one that fits"),
        ({"signatures": [SIGNED["signatures"][0] | {"keyid": "me"}]}, "signatures of me"),
    ],
)
def test_a_tampered_member_is_refused_for_the_right_reason(change, said):
    """Each part, one at a time."""
    assert said in refusal(SIGNED | change)


@given(st.data())
def test_no_bit_of_payload_or_signature_can_be_turned(data):
    """Whichever it is."""
    envelope = copy.deepcopy(SIGNED)
    owner, name = data.draw(st.sampled_from([(envelope, "payload"), (envelope["signatures"][0], "sig")]))
    content = bytearray(base64.b64decode(owner[name]))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    owner[name] = base64.b64encode(content).decode()
    assert "must be one that fits" in refusal(envelope)


@given(st.data())
def test_no_letter_of_an_envelope_can_be_changed(data):
    """Spellings of the same bytes are refused too; the other alphabet of base64 is the one exception."""
    envelope = copy.deepcopy(SIGNED)
    owner, name = data.draw(
        st.sampled_from(
            [
                (envelope, "payload"),
                (envelope, "payloadType"),
                (envelope["signatures"][0], "sig"),
                (envelope["signatures"][0], "keyid"),
            ]
        )
    )
    place, letter = data.draw(st.integers(0, len(owner[name]) - 1)), data.draw(st.sampled_from("aZ0+/=-_ \n"))
    changed = owner[name][:place] + letter + owner[name][place + 1 :]
    if changed.translate(str.maketrans("-_", "+/")) == owner[name]:
        return
    owner[name] = changed
    assert refusal(envelope)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"b": 1}', "must be canonical JSON"),
        (b'{"b":1,"a":2}', "must be canonical JSON"),
        (b'{"a":1.0}', "must be canonical JSON"),
        (b'{"a":"\\u0041"}', "must be canonical JSON"),
        (b'{"a":1}\n', "must be canonical JSON"),
        (b'{"a":1,"a":1}', "stands twice"),
        (b'{"a":NaN}', "no number that JSON knows"),
        (b"[]", "one JSON object"),
        (b"{", "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[" * 100_000, "nested less deep"),
    ],
)
def test_a_payload_that_is_not_canonical_is_refused_though_its_signature_fits(payload, said):
    """Else two readers might read two documents."""
    assert said in refusal(with_payload(payload))


def test_a_signature_for_another_kind_of_document_does_not_pass():
    """Though key, payload and signature are all genuine."""
    envelope = with_payload(canonical_bytes(DOCUMENT), "application/vnd.other+json")
    assert "payloadType must be" in refusal(envelope)
    assert "must be one that fits" in refusal(envelope | {"payloadType": PAYLOAD_TYPE})


def test_unknown_members_are_passed_over():
    """As DSSE says; the signature says nothing of them."""
    assert verify(SIGNED | {"note": 1}, [KNOWN.public_key()]).document == DOCUMENT


@pytest.mark.parametrize("document", [{"a": float("nan")}, {"a": 2**60 + 1}, {"a": {1, 2}}, {"a": "\ud800"}, {1: 2}])
def test_what_canonical_json_cannot_hold_is_not_signed(document):
    """It is said before the key is used."""
    with pytest.raises(DataError, match="must be"):
        sign(document, KNOWN)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@example({"": 2.0**53})  # written without a point, it looks like an integer that is too large
@given(st.dictionaries(TEXTS, JSON, max_size=6))
def test_any_document_comes_back_as_it_was_signed(document):
    """Whatever text and numbers it holds."""
    envelope = json.loads(json.dumps(sign(document, KNOWN)))
    assert is_envelope(envelope)
    assert canonical_bytes(verify(envelope, [KNOWN.public_key()]).document) == canonical_bytes(document)


def test_without_cryptography_the_remedy_is_named(monkeypatch):
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(StateError, match=r"installed for signatures; .* pip install 'tinytorch\[sign\]'"):
        generate_key()


def test_importing_the_package_does_not_load_what_signing_needs():
    """Whoever does not sign needs no cryptography."""
    probe = "import sys, tinytorch.capstone.provenance; print(*{'cryptography', 'rfc8785', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
