"""The plays that travel with the package."""

import pytest

from tinytorch.datasets import load_tragedies
from tinytorch.datasets import tragedies as module
from tinytorch.errors import DataError


def test_six_plays_are_there():
    """Each with its title first."""
    plays = load_tragedies()
    assert len(plays.titles) == len(plays.train) == len(plays.validation) == 6
    assert [text.partition("\n")[0] for text in plays.train] == [
        "HAMLET, PRINCE OF DENMARK",
        "MACBETH",
        "ROMEO AND JULIET",
        "THE TRAGEDY OF KING LEAR",
        "OTHELLO, THE MOOR OF VENICE",
        "JULIUS CAESAR",
    ]


def test_the_parts_make_the_whole():
    """Nothing is lost at the cut, wherever it is."""
    wholes = [
        [a + b for a, b in zip(plays.train, plays.validation, strict=True)]
        for plays in (load_tragedies(), load_tragedies(validation_fraction=0.5))
    ]
    assert wholes[0] == wholes[1]
    assert sum(map(len, wholes[0])) == 841784 - 5


def test_the_end_of_each_play_is_held_out():
    """About a tenth, from the beginning of a line on."""
    plays = load_tragedies()
    shares = [len(b) / len(a + b) for a, b in zip(plays.train, plays.validation, strict=True)]
    assert all(0.1 <= share < 0.11 for share in shares)
    assert all(text.endswith("\n") for text in plays.train)


def test_the_text_is_plain():
    """Printable ASCII and line ends, so that a vocabulary of characters stays small."""
    text = "".join(load_tragedies().train)
    assert text.isascii()
    assert {sign for sign in text if not sign.isprintable()} == {"\n"}


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 10, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    """Nothing to learn from, or nothing to be tested on, is no split."""
    with pytest.raises(DataError, match=r"validation_fraction must be a ratio in \(0, 1\)"):
        load_tragedies(validation_fraction=fraction)


def test_a_damaged_file_is_refused(monkeypatch, tmp_path):
    """A file that is not the published one never becomes data."""
    path = tmp_path / "tragedies.txt.bz2"
    path.write_bytes(module.FILE.read_bytes()[:-1])
    monkeypatch.setattr(module, "FILE", path)
    with pytest.raises(DataError, match="must be the published file, of SHA-256"):
        load_tragedies()
