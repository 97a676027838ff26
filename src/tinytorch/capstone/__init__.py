"""Proving: reports and submissions that others can check."""

from tinytorch.benchmarking.adapters.tinytorch_files import load_model, save_model
from tinytorch.capstone.models import SimpleMLP
from tinytorch.capstone.report import BenchmarkReport
from tinytorch.capstone.submission import generate_submission, load_submission, save_submission
from tinytorch.capstone.validation import validate_submission_schema

__all__ = [
    "BenchmarkReport",
    "SimpleMLP",
    "generate_submission",
    "load_model",
    "load_submission",
    "save_model",
    "save_submission",
    "validate_submission_schema",
]
