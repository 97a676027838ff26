"""`tinytorch convert`: the same submission in the other form, or in the current version."""

from __future__ import annotations

from argparse import Namespace

from tinytorch.cli import output

__all__ = ["execute"]


def execute(options: Namespace) -> int:
    """Read a submission, convert it and write it, whole or not at all."""
    from tinytorch.capstone.record import upgraded, version_of
    from tinytorch.capstone.submission import load_submission, save_submission
    from tinytorch.capstone.validation import validate_submission_schema

    given = load_submission(options.input)
    validate_submission_schema(given)  # a migration takes valid documents only
    converted = upgraded(given) if options.to_version == 2 else given
    path = save_submission(converted, options.output)
    if options.json:
        output.print_json({"input": options.input, "output": path, "version": version_of(converted)})
    else:
        print(f"Written to {path}.")
    return 0
