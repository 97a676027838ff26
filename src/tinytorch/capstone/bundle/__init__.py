"""Bundles: a submission with all that a stranger needs to check it, in one file, and the check itself."""

from tinytorch.capstone.bundle.agreement import Answer
from tinytorch.capstone.bundle.findings import Finding, Verification
from tinytorch.capstone.bundle.packing import Packed, pack
from tinytorch.capstone.bundle.reading import Bundle, opened
from tinytorch.capstone.bundle.verification import Checks, verify

__all__ = ["Answer", "Bundle", "Checks", "Finding", "Packed", "Verification", "opened", "pack", "verify"]
