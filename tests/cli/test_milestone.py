"""`tinytorch milestone`, from its arguments to its exit code."""

import json

import pytest

from tinytorch.capstone import milestones
from tinytorch.capstone.milestones import Figure, Goal, Milestone, Outcome
from tinytorch.cli import app

AT_LEAST_90 = Goal("more", 0.9)


@pytest.fixture
def with_figure(monkeypatch):
    """Let there be one milestone, which gives the figure it is told."""

    def put(value, goal=AT_LEAST_90):
        def run(how):
            how.tell("working", 1, 1, f"seed {how.seed}")
            figures = (Figure("accuracy", value, "ratio"), Figure("parameters", 12345, "numbers"))
            return Outcome(figures, sample="a sample", settings={"data": how.path})

        made = Milestone("made-up", 1999, "something is done", "A. Author (1999), A Title", goal, run)
        monkeypatch.setattr(milestones, "LISTED", (made,))
        monkeypatch.setattr(milestones, "MILESTONES", {"made-up": made})

    return put


@pytest.mark.parametrize("arguments", [["--list"], []])
def test_the_list_names_every_milestone(arguments, capsys):
    """With its year and its goal."""
    assert app.run(["milestone", *arguments]) == app.OK
    said = capsys.readouterr().out
    for one in milestones.LISTED:
        assert one.name in said
        assert str(one.year) in said


def test_the_list_as_json_is_one_document(capsys):
    """With who did it first."""
    assert app.run(["milestone", "--list", "--json"]) == app.OK
    found = json.loads(capsys.readouterr().out)
    assert [one["source"] for one in found] == [one.source for one in milestones.LISTED]


def test_a_name_that_is_not_listed_is_wrong_usage(capsys):
    """The names there are are said."""
    assert app.run(["milestone", "nope"]) == app.USAGE
    assert "no milestone 'nope'; there are perceptron, xor" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "code", "word"), [(0.95, app.OK, "Reached: ≥ 90.00 %"), (0.5, app.INVALID, "Missed: ≥ 90.00 %")]
)
def test_a_figure_decides_the_exit_code(with_figure, capsys, value, code, word):
    """A goal that was missed is no success."""
    with_figure(value)
    assert app.run(["milestone", "made-up"]) == code
    captured = capsys.readouterr()
    wanted = (word, f"{100 * value:.2f} %", "12,345 numbers", "a sample", "A. Author (1999)")
    assert [text for text in wanted if text not in captured.out] == []
    assert captured.err == "working ...\n"


def test_a_smoke_run_never_fails_by_its_figure(with_figure, capsys):
    """Its figure proves nothing, and the words say so."""
    with_figure(0.1)
    assert app.run(["milestone", "made-up", "--smoke"]) == app.OK
    assert "proves nothing" in capsys.readouterr().out


def test_a_goal_is_said_in_its_own_unit(with_figure, capsys):
    """Not every figure is a percentage, and less can be better."""
    with_figure(0.1, Goal("less", 1.5, "nats"))
    assert app.run(["milestone", "made-up"]) == app.OK
    assert "Reached: ≤ 1.5 nats was wanted" in capsys.readouterr().out


def test_a_run_as_json_is_one_document(with_figure, capsys):
    """Everything a reader needs to do it again."""
    with_figure(0.95)
    arguments = ["milestone", "made-up", "--json", "--seed", "7", "--threads", "1", "--data", "here"]
    assert app.run(arguments) == app.OK
    found = json.loads(capsys.readouterr().out)
    assert found.pop("seconds") >= 0
    assert found == {
        "milestone": "made-up",
        "seed": 7,
        "smoke": False,
        "threads": 1,
        "figures": [
            {"name": "accuracy", "value": 0.95, "unit": "ratio"},
            {"name": "parameters", "value": 12345, "unit": "numbers"},
        ],
        "goal": {"better": "more", "threshold": 0.9, "unit": "ratio", "reached": True},
        "settings": {"data": "here"},
        "sample": "a sample",
    }


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--threads", "0"], ["perceptron", "xor"]])
def test_numbers_and_names_out_of_range_are_wrong_usage(arguments, capsys):
    """Before anything is loaded."""
    with pytest.raises(SystemExit) as stopped:
        app.run(["milestone", *arguments])
    assert stopped.value.code == app.USAGE
    assert "usage: tinytorch" in capsys.readouterr().err
