"""Run by path: `python launch.py REQUESTS_FD REPLIES_FD`, or `python launch.py --family ANNOUNCEMENTS_FD ENDS_FD ...`.

Loads the program without leaving a trace on `sys.path`.
"""

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

    def serve(requests: int, replies: int) -> None:
        serving.serve_process(requests, replies, clock.CLOCK, clock.cpu_now_ns)

    if sys.argv[1] == "--family":
        announcements, *ends = map(int, sys.argv[2:])
        import_module(NAME + ".family").fork_members(announcements, ends, serve)
    else:
        serve(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
