"""Searching: techniques one after the other, in combinations, each measured; what nothing else beats is kept."""

from tinytorch.capstone.labelled import Labelled
from tinytorch.capstone.search.findings import Finalist, Findings, Screened
from tinytorch.capstone.search.recipes import RECIPES, Recipe, Step, recipe
from tinytorch.capstone.search.search import SearchSettings, search
from tinytorch.capstone.search.tasks import Lesson, Task

__all__ = [
    "RECIPES",
    "Finalist",
    "Findings",
    "Labelled",
    "Lesson",
    "Recipe",
    "Screened",
    "SearchSettings",
    "Step",
    "Task",
    "recipe",
    "search",
]
