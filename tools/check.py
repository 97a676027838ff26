"""Run every check, one after the other, and say which of them failed.

The tests come last, so that their summary ends the log.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent

CHECKS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
    "tests": ["pytest", "-n", "2"],
}


def passes(command: list[str]) -> bool:
    """Run one check from the repository's root and let it print."""
    return subprocess.run([str(SCRIPTS / command[0]), *command[1:]], cwd=ROOT, check=False).returncode == 0


def check(name: str) -> bool:
    """Run the check called `name`, under a heading, and print its outcome."""
    print(f"== {name}: {' '.join(CHECKS[name])}", flush=True)
    start = time.monotonic()
    passed = passes(CHECKS[name])
    print(f"== {name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - start:.1f} s", flush=True)
    return passed


def main() -> int:
    """Run all checks, or those named on the command line; return 1 if any fails."""
    names = sys.argv[1:] or list(CHECKS)
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"no such check: {', '.join(unknown)}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    outcomes = [(name, check(name)) for name in names if name != "tests"]
    if outcomes:
        print("== " + ", ".join(f"{name} {'ok' if passed else 'FAILED'}" for name, passed in outcomes), flush=True)
    tested = "tests" not in names or passes(CHECKS["tests"])
    return 0 if tested and all(passed for _, passed in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
