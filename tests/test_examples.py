"""The examples: each runs, and does what it says."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from tinytorch.benchmarking import Design
from tinytorch.core.training import manual_seed

FOLDER = Path(__file__).resolve().parent.parent / "examples"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def example(monkeypatch, tmp_path):
    """Load an example from its file, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FOLDER)
    manual_seed(0)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_digits_are_learned(example):
    """Two passes are enough for nine in ten."""
    assert example("train_digits").main(epochs=2) > 0.9


def test_convolutions_learn(example):
    """One pass is enough for nine in ten."""
    assert example("train_convolutions").main(epochs=1) > 0.9


def test_text_is_written(example, capsys):
    """A hundredth of the steps: it goes on from the prompt, and says what it lost."""
    said = example("write_text").main(steps=3, length=10)
    assert said.startswith("HAMLET")
    assert len(said) == len("HAMLET") + 10
    assert "nats a character" in capsys.readouterr().out


def test_an_op_of_ones_own_learns(example, capsys):
    """Its backprop is right, and a third of the wave's power is explained after a quarter of the steps."""
    assert example("new_op").main(steps=100) < 0.1
    assert "central differences: True" in capsys.readouterr().out


def test_each_step_makes_the_model_smaller(example):
    """Fewer bytes at every step; after two passes nine in ten are right throughout."""
    found = list(example("make_smaller").main(epochs=2).values())
    sizes = [size for size, _ in found]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 4
    assert min(accuracy for _, accuracy in found) > 0.85


def test_calls_are_compared(example, capsys):
    """Two sessions of twelve rounds end in one of the three verdicts."""
    found = example("compare_calls").main(Design(sessions=2, rounds=12))
    assert found.verdict.sentence() in capsys.readouterr().out


def test_every_example_is_tested_and_listed():
    """By name, here and in the folder's README."""
    listed = set(re.findall(r"^\| `(\w+)\.py` \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    tested = set(re.findall(r'example\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8")))
    assert set(FILES) == listed == tested
