"""What the command line loads before it does anything, judged by modules, not by a stopwatch."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "scipy", "rich", "jsonschema_rs", "psutil", "safetensors"}
PROBE = """
import sys
from tinytorch.__main__ import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit:
    pass
print("LOADED", *sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def loaded_by(*arguments):
    """Name the top-level modules in memory after the command."""
    probe = PROBE.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["validate", "--help"], ["milestone", "--help"], ["nope"]],
)
def test_help_and_usage_load_nothing_heavy(arguments):
    """Start-up stays close to a bare interpreter: help needs no NumPy and no rich."""
    assert loaded_by(*arguments) & HEAVY == set()
