"""Bundles to read, sound ones and hostile ones."""

import hashlib
import shutil

import pytest

from capstone.bundle.claims import write_claim
from tinytorch.capstone.bundle.archive import write_archive
from tinytorch.capstone.bundle.layout import MANIFEST, manifest

MODEL = (2).to_bytes(8, "little") + b"{}"  # a safetensors file of no tensors
FILES = {"submission.json": b"{}", "README.md": b"Hello.\n", "models/a.safetensors": MODEL}


def with_manifest(files):
    """Add the hashes of all files."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return files | {MANIFEST: manifest(hashes).encode()}


@pytest.fixture
def files():
    """Give the files of a small bundle, by name."""
    return with_manifest(FILES)


@pytest.fixture
def bundle(tmp_path, files):
    """Write a small bundle."""
    path = tmp_path / "bundle.zip"
    write_archive(path, files)
    return path


@pytest.fixture(scope="session")
def written_claim(tmp_path_factory, make_clock):
    """Write a submission of version 2 with its models, once."""
    return write_claim(tmp_path_factory.mktemp("claim"), make_clock())


@pytest.fixture
def claim(written_claim, tmp_path):
    """Give a submission that a test may change."""
    shutil.copytree(written_claim.parent, tmp_path / "claim")
    return tmp_path / "claim" / written_claim.name
