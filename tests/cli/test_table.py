"""One table for submissions of both versions."""

import json
from pathlib import Path

import pytest

from tinytorch.cli import output
from tinytorch.cli.table import table

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "submissions"


@pytest.mark.parametrize("name", ["measured", "by-hand"])
def test_an_old_submission_and_its_upgraded_form_show_the_same(name, capsys):
    """The reader need not know which one it is."""
    texts = []
    for version in (1, 2):
        document = json.loads((GOLDEN / f"{name}.v{version}.json").read_text(encoding="utf-8"))
        output.console().print(table(document))
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_the_numbers_are_in_units_that_suit_them(capsys):
    """Seconds become microseconds, bytes kibibytes; what is too few for a percentile says so."""
    document = json.loads((GOLDEN / "by-hand.v2.json").read_text(encoding="utf-8"))
    output.console().print(table(document))
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "latency, mean 300 µs 150 µs 2.00× faster" in shown
    assert any(line.startswith("latency, p99 n too small") for line in shown)
    assert "size as stored 307 KiB 154 KiB 2.00× smaller" in shown
    assert "accuracy 95.00 % 90.00 % -5.00 points" in shown
