"""Bundles: a submission with all that a stranger needs to check it, in one file, and the check itself."""

from tinytorch.capstone.bundle.agreement import Answer
from tinytorch.capstone.bundle.reading import Bundle, opened

__all__ = ["Answer", "Bundle", "opened"]
