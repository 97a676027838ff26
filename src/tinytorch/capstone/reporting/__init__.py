"""The report that people look at: a page, its figures, a summary for a pull request, a block for a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinytorch.errors import StateError, explain

__all__ = ["figures", "html_report", "markdown_summary", "model_index", "model_index_yaml", "pictures"]

WIDTH = 760.0


def html_report(document: Mapping[str, Any], folder: Path | None = None) -> str:
    """Write a submission's report as one page that needs nothing else.

    The page has no script, asks for nothing, and is the same for the same submission, byte for byte.

    Args:
        document: A submission of any version.
        folder: Where its model files lie, if they are at hand: what each layer holds is then read from them.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    from tinytorch.capstone.record import document_sha256
    from tinytorch.capstone.reporting.charts import drawn_figures
    from tinytorch.capstone.reporting.layers import attribution_of
    from tinytorch.capstone.reporting.page import page
    from tinytorch.capstone.reporting.page.part import Part
    from tinytorch.capstone.reporting.reading import read

    reading = read(document, folder)
    known = tuple(attribution_of(reading, model) for model in reading.models)
    return page(Part(reading, drawn_figures(reading), document_sha256(document), known))


def figures(document: Mapping[str, Any], folder: Path | None = None) -> dict[str, str]:
    """Draw a submission's figures as SVG files that follow the reader's light and dark, by name.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    from tinytorch.capstone.reporting.charts import drawn_figures
    from tinytorch.capstone.reporting.drawing import lone_svg
    from tinytorch.capstone.reporting.reading import read

    drawn = drawn_figures(read(document, folder))
    return {name: lone_svg(figure.draw(WIDTH), figure.summary) for name, figure in drawn.items()}


def pictures(document: Mapping[str, Any], folder: Path | None = None) -> dict[str, bytes]:
    """Draw the same as PNG, by name.

    Raises:
        SubmissionError: If the submission is not valid.
        StateError: If matplotlib is not installed.
    """
    from tinytorch.capstone.reporting.charts import drawn_figures
    from tinytorch.capstone.reporting.reading import read

    try:
        from tinytorch.capstone.reporting.drawing.raster import png
    except ImportError as error:
        remedy = "Install tinytorch[plots], or take the SVG inside the page."
        raise StateError(explain("a picture", "drawn by matplotlib", "none installed", remedy=remedy)) from error
    drawn = drawn_figures(read(document, folder))
    return {name: png(figure.draw(WIDTH)) for name, figure in drawn.items()}


def markdown_summary(document: Mapping[str, Any]) -> str:
    """Write a submission as a comment for a pull request: the verdict first, then GitHub's kind of table.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    from tinytorch.capstone.reporting.markdown import markdown_summary as written

    return written(document)


def model_index(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the `model-index` of a model card on the Hugging Face Hub.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    from tinytorch.capstone.reporting.model_card import model_index as indexed

    return indexed(document)


def model_index_yaml(document: Mapping[str, Any]) -> str:
    """Write the `model-index` as the YAML that begins a model card.

    Raises:
        SubmissionError: If the submission is not valid.
    """
    from tinytorch.capstone.reporting.model_card import model_index_yaml as written

    return written(document)
