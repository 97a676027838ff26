"""The command line: `tinytorch`, or `python -m tinytorch`."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command named by the process's arguments and return its exit code."""
    from tinytorch.cli.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
