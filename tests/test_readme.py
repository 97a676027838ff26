"""What the README says is so."""

import doctest
import re
from pathlib import Path

import tinytorch

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    """Give the text of every fenced block in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_examples_give_what_they_show():
    """Every Python block runs, one after the other, in one namespace."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, "README", "README.md", 0)
    assert examples.examples
    result = doctest.DocTestRunner(optionflags=flags).run(examples)
    assert result.failed == 0


def test_the_first_two_commands_set_everything_up():
    """A reader with Python and pip can copy either line into a fresh clone."""
    setup = "python3 -m venv .venv && .venv/bin/pip install -q uv && .venv/bin/uv run --frozen "
    assert [block.strip().removeprefix(setup) for block in blocks("sh")[:2]] == [
        "tinytorch run",
        "--group dev python tools/check.py",
    ]


def test_ci_runs_the_command_the_readme_gives():
    """CI tests what a contributor would run."""
    assert blocks("sh")[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_version_is_the_same_everywhere():
    """The package, its metadata and the changelog agree."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{tinytorch.__version__}]" in changelog
