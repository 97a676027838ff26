"""What can be measured, and what is refused with what remedy."""

import json

import pytest

from tinytorch.benchmarking.subjects import Subject, Workload, subject_of
from tinytorch.errors import DataError, DTypeError, RangeError


def test_a_factory_is_named_by_module_and_function():
    """Its name stands for it unless the caller says otherwise."""
    subject = subject_of("package.module:make")
    assert (subject.name, subject.factory, dict(subject.arguments)) == (
        "package.module:make",
        "package.module:make",
        {},
    )
    assert subject_of("package.module:make", name="ours").name == "ours"


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("width=64", {"width": 64}),
        ("width=64&bias=false&rate=0.5", {"width": 64, "bias": False, "rate": 0.5}),
        ("name=relu&empty=", {"name": "relu", "empty": ""}),
        ('{"sizes": [1, 2]}', {"sizes": [1, 2]}),
    ],
)
def test_arguments_stand_behind_a_question_mark(query, arguments):
    """Numbers and truth values are read as such, or as JSON."""
    assert dict(subject_of(f"a.b:make?{query}").arguments) == arguments


@pytest.mark.parametrize("wrong", ["make", "a.b", "a.b:", ":make", "a b:make", "a.b:make()", "", "a-b:c"])
def test_what_names_no_factory_is_refused(wrong):
    """The form is shown."""
    with pytest.raises(RangeError, match=r"a factory such as package\.module:make"):
        subject_of(wrong)


@pytest.mark.parametrize("query", ["", "width", "1=2", "{", "{]"])
def test_arguments_that_cannot_be_read_are_refused(query):
    """They are shown where they stand."""
    with pytest.raises(RangeError, match=r"the arguments of a factory must be .* at a\.b:make"):
        subject_of(f"a.b:make?{query}")


def test_arguments_longer_than_a_pipe_are_refused():
    """A request must never wait for its own reader."""
    with pytest.raises(RangeError, match="16000 bytes"):
        subject_of("a.b:make?" + json.dumps({"x": "y" * 16_000}))


@pytest.mark.parametrize("live", [lambda: 1, Workload(lambda: 1), (lambda x: x, 1), (lambda x: x, 1, [0])])
def test_what_lives_here_is_taken_as_it_is(live):
    """The same forms as a factory's result."""
    subject = subject_of(live)
    assert subject.is_live
    assert subject.make() is live


@pytest.mark.parametrize("wrong", [3, None, [1], (1,), {}])
def test_what_cannot_be_measured_is_refused(wrong):
    """The forms are listed."""
    with pytest.raises(DTypeError, match="a call without arguments"):
        subject_of(wrong)


def test_another_interpreter_needs_something_to_import():
    """An object of this process is of no use there."""
    with pytest.raises(DTypeError, match="importable there"):
        subject_of(lambda: 1, python="/usr/bin/python3")


def test_a_saved_model_of_unknown_kind_is_refused(tmp_path):
    """The known endings are listed."""
    with pytest.raises(DataError, match="a saved model must be"):
        subject_of(tmp_path / "model.xyz")


def test_a_subject_stays_as_it_is():
    """A caller may build one in full."""
    subject = Subject("x", "a:b")
    assert subject_of(subject) is subject


def test_a_description_holds_no_path():
    """Records are made to be shared."""
    described = subject_of("a:b?width=2", python="/home/me/bin/python", paths=("/home/me/src",)).describe()
    assert "/home" not in json.dumps(described)
    assert described["own_interpreter"]
