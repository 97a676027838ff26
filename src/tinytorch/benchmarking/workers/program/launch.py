"""Run by path: `python launch.py REQUESTS_FD REPLIES_FD`. Loads the program without leaving a trace on `sys.path`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

NAME = "tinytorch_worker"  # no name that a subject could import by chance
FOLDER = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(FOLDER)))
CLOCK_FILE = os.path.join(PACKAGE, "clock.py")


def load(name: str, path: str, folders: list[str] | None = None) -> Any:
    """Load a module, or a package with its folders, from where it lies."""
    spec = spec_from_file_location(name, path, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Serve until the requests end."""
    if sys.path and os.path.abspath(sys.path[0]) == FOLDER:  # Python puts a script's own folder first
        del sys.path[0]
    load(NAME, os.path.join(FOLDER, "__init__.py"), [FOLDER])
    clock = load(NAME + ".clock", CLOCK_FILE)
    serving = import_module(NAME + ".serving")
    serving.serve_process(int(sys.argv[1]), int(sys.argv[2]), clock.CLOCK, clock.cpu_now_ns)


if __name__ == "__main__":
    main()
