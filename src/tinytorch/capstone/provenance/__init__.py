"""Who says so, and after how many tries: signatures over submissions, and the ledger of all attempts.

What they prove and what they do not is in docs/provenance.md. Keys and signatures need `tinytorch[sign]`; the ledger
needs nothing.
"""

from tinytorch.capstone.provenance.attempt import Attempt, attempts_section, attempts_sentence
from tinytorch.capstone.provenance.confirmation import contradictions
from tinytorch.capstone.provenance.entries import Entry, Tries
from tinytorch.capstone.provenance.envelope import PAYLOAD_TYPE, Envelope, Signature
from tinytorch.capstone.provenance.inflation import best_of_inflation, expected_best, standard_error
from tinytorch.capstone.provenance.keys import (
    generate_key,
    is_encrypted,
    is_exposed,
    key_id,
    load_private_key,
    load_public_key,
    save_key_pair,
)
from tinytorch.capstone.provenance.ledger import Ledger, default_ledger
from tinytorch.capstone.provenance.signing import Signed, cosign, is_envelope, sign, verify
from tinytorch.capstone.provenance.ssh import NAMESPACE, sign_with_ssh, verify_with_ssh

__all__ = [
    "NAMESPACE",
    "PAYLOAD_TYPE",
    "Attempt",
    "Entry",
    "Envelope",
    "Ledger",
    "Signature",
    "Signed",
    "Tries",
    "attempts_section",
    "attempts_sentence",
    "best_of_inflation",
    "contradictions",
    "cosign",
    "default_ledger",
    "expected_best",
    "generate_key",
    "is_encrypted",
    "is_envelope",
    "is_exposed",
    "key_id",
    "load_private_key",
    "load_public_key",
    "save_key_pair",
    "sign",
    "sign_with_ssh",
    "standard_error",
    "verify",
    "verify_with_ssh",
]
