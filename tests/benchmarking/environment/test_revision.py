"""The state of a checkout, made for the test."""

import json
import subprocess

import pytest

from tinytorch.benchmarking.environment import revision
from tinytorch.benchmarking.environment.revision import git_state


def git(place, *words):
    """Run git for an author of no importance."""
    author = ["-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *words], cwd=place, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """Give a folder with one file and one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "model.py").write_text("one\n")
    git(tmp_path, "add", "model.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def state(folder):
    """Ask for the state of the checkout."""
    return git_state(folder, folder)


def test_a_clean_checkout_is_its_commit(checkout):
    """Forty characters name all of it."""
    found = state(checkout)
    assert (len(found["commit"]), found["is_dirty"], found["dirty_sha256"]) == (40, False, None)


def test_a_folder_inside_is_the_same_checkout(checkout):
    """One runs things from anywhere in it."""
    inside = checkout / "deeper"
    inside.mkdir()
    assert state(inside) == state(checkout)


def test_every_change_changes_the_hash(checkout):
    """Of a tracked file, its content; of a new one, its size and its name."""
    seen = [state(checkout)["dirty_sha256"]]
    for name, text in (("model.py", "two\n"), ("model.py", "ten\n"), ("new.py", "a"), ("new.py", "ab"), ("b.py", "")):
        (checkout / name).write_text(text)
        seen.append(state(checkout)["dirty_sha256"])
    assert len(set(seen)) == 6


def test_taking_a_change_back_gives_the_clean_state(checkout):
    """The hash is of what differs, not of what happened."""
    clean = state(checkout)
    (checkout / "model.py").write_text("two\n")
    assert state(checkout)["is_dirty"] is True
    (checkout / "model.py").write_text("one\n")
    assert state(checkout) == clean


def test_before_the_first_commit_there_is_none(tmp_path):
    """The files are then all new."""
    git(tmp_path, "init", "-q")
    (tmp_path / "model.py").write_text("one\n")
    found = state(tmp_path)
    assert (found["commit"], found["is_dirty"]) == (None, True)


def test_the_state_names_nothing(checkout):
    """Neither files nor people nor branches."""
    (checkout / "secret.py").write_text("")
    text = json.dumps(state(checkout))
    assert [word for word in ("secret", "model", str(checkout), "example.org", "main", "master") if word in text] == []


def test_outside_a_checkout_the_reason_is_told(tmp_path, monkeypatch):
    """And the entry is none."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(LookupError, match="not in a checkout"):
        state(tmp_path)


def test_without_git_the_reason_is_told(tmp_path, monkeypatch):
    """A measuring machine need not have it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="No such file"):
        revision.git_state(tmp_path, tmp_path)
