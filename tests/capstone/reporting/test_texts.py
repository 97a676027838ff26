"""The summary for a pull request and the metadata of a model card, and the command that writes them."""

import json
import re
import subprocess
import sys

import pytest

from capstone.reporting.settling import merged
from tinytorch.capstone.reporting import markdown_summary, model_index, model_index_yaml
from tinytorch.cli.app import run
from tinytorch.errors import StateError

# Every line that `model_index_yaml` may write: a key with nothing, a number, true, false, null or a text in quotes.
LINE = re.compile(
    r'^(?P<indent> *)(?P<dash>- )?(?P<key>[\w-]+):(?: (?P<value>"(?:[^"\\]|\\.)*"|[-\d.e+]+|true|false|null))?$'
)


@pytest.fixture
def file(whole, folder):
    """Give the path of a submission beside its files."""
    path = folder / "submission.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def parsed(text):
    """Read the subset of YAML that is written: blocks of mappings and lists, texts in double quotes."""
    lines = [LINE.match(line) for line in text.strip().removeprefix("---\n").removesuffix("\n---").splitlines()]
    assert None not in lines
    rows = [(len(m["indent"]) + (2 if m["dash"] else 0), bool(m["dash"]), m["key"], m["value"]) for m in lines]
    made, rest = block(rows, 0)
    assert rest == []
    return made


def block(rows, indent):
    """Read rows of an indent, and what is indented further below them."""
    items, made = [], {}
    while rows and rows[0][0] == indent:
        (_, starts, key, value), *rows = rows
        if starts and made:
            items, made = [*items, made], {}
        items = items or ([None] if starts else [])
        if value is None:
            deeper = rows[0][0] if rows else indent
            made[key], rows = block(rows, deeper)
        else:
            made[key] = json.loads(value)
    found = [one for one in [*items, made] if one is not None]
    return (found if items else made), rows


def test_the_verdict_comes_first_and_the_table_is_githubs(whole):
    """A line in bold, then every metric in a row of as many cells as there are columns."""
    text = markdown_summary(whole)
    assert text.startswith("**small is 2.00 times as fast as large, 1.98 times smaller, and 1.00 points less accurate")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[:2] == ["| Metric | large | small | Change |", "| --- | ---: | ---: | ---: |"]
    assert {row.count(" | ") for row in rows} == {3}
    assert "Made by: prune.units.v1, distil.v1, compile.v1." in text


@pytest.mark.parametrize("variant", ["alone", "without_verdict", "by_hand", "compared"])
def test_every_kind_of_submission_has_a_summary(variant, request):
    """With what there is."""
    text = markdown_summary(request.getfixturevalue(variant))
    assert text.startswith("**")
    assert "None" not in text


def test_a_summary_has_no_markup_of_the_submission(hostile):
    """No tag, no link, no column, nobody called by name."""
    text = markdown_summary(hostile)
    ours = text.replace("<details><summary>", "").replace("</summary>", "").replace("</details>", "")
    ours = ours.replace("<sub>", "").replace("</sub>", "")
    assert re.findall(r"(?<!\\)<", ours) == []
    assert re.findall(r"(?<!\\)\[", text) == []
    assert re.findall(r"@\w", text) == []
    assert "://" not in text
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| ")} == {5}


def test_the_index_has_the_hubs_shape(whole):
    """name, results: task, dataset, metrics with type, value and name; nothing calls itself verified."""
    (entry,) = model_index(whole)
    (result,) = entry["results"]
    assert entry["name"] == "small"
    assert result["task"] == {"type": "image-classification", "name": "Image Classification"}
    assert result["dataset"] == {"type": "digits", "name": "digits", "split": "test", "revision": "of-a-test"}
    assert all({"type", "value", "name"} <= set(metric) for metric in result["metrics"])
    assert not any(metric["verified"] for metric in result["metrics"])
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert values["Accuracy"] == whole["optimized"]["metrics"]["accuracy"]["value"]


@pytest.mark.parametrize("variant", ["whole", "alone", "by_hand", "hostile"])
def test_the_yaml_says_what_the_index_says(variant, request):
    """Read back, it is the same, whatever the names hold."""
    document = request.getfixturevalue(variant)
    found = parsed(model_index_yaml(document))
    assert found == {"library_name": "tinytorch", "model-index": model_index(document)}


def test_signs_that_yaml_cannot_hold_are_escaped(whole):
    """Controls, half characters and the marks of byte order; a reader gets the same text back."""
    name = 'a"b\\c\x07\u0085\ufeff€'
    text = model_index_yaml(merged(whole, {"optimized": {"model_name": name}}))
    line = next(line for line in text.splitlines() if line.startswith("- name:"))
    assert line == '- name: "a\\"b\\\\c\\x07\\x85\\ufeff€"'


def test_the_command_writes_the_page(file, tmp_path, capsys, monkeypatch):
    """To report.html, if nothing else is asked for; the layers are read from the files beside the submission."""
    monkeypatch.chdir(tmp_path)
    assert run(["report", str(file)]) == 0
    assert "whose hash is the recorded one" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "report.html" in capsys.readouterr().err


def test_the_command_writes_all_that_is_asked_for(file, tmp_path, capsys):
    """And only that: the page is not written beside."""
    shown = tmp_path / "figures"
    asked = ["--figures", str(shown), "--markdown", "-", "--model-card", str(tmp_path / "card.yml")]
    assert run(["report", str(file), *asked]) == 0
    assert capsys.readouterr().out.startswith("**small is")
    names = {
        f"{name}.{kind}" for name in ("speedup", "latency", "accuracy", "tradeoff", "layers") for kind in ("svg", "png")
    }
    assert {path.name for path in shown.iterdir()} == names
    assert (tmp_path / "card.yml").read_text(encoding="utf-8").startswith('---\nlibrary_name: "tinytorch"\n')
    assert not (tmp_path / "report.html").exists()


def test_the_command_speaks_json(file, tmp_path, capsys):
    """It lists what it wrote."""
    page = str(tmp_path / "page.html")
    assert run(["report", str(file), "-o", page, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": [page]}


def test_an_invalid_submission_exits_with_1_and_its_problems(file, whole, capsys):
    """And writes nothing."""
    file.write_text(json.dumps(whole | {"baseline": {}}), encoding="utf-8")
    assert run(["report", str(file), "-o", str(file.with_name("page.html"))]) == 1
    assert "$.baseline.model_name" in capsys.readouterr().err
    assert not file.with_name("page.html").exists()


def test_without_matplotlib_pictures_name_the_extra(whole, monkeypatch):
    """The page needs none."""
    from tinytorch.capstone.reporting import html_report, pictures

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "tinytorch.capstone.reporting.drawing.raster", raising=False)
    with pytest.raises(StateError, match=r"Install tinytorch\[plots\]"):
        pictures(whole)
    assert html_report(whole).startswith("<!doctype html>")


def test_reporting_is_loaded_without_what_only_parts_of_it_need():
    """The package's names cost neither NumPy nor matplotlib nor pydantic of their own."""
    probe = "import sys, tinytorch.capstone.reporting; print('matplotlib' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
