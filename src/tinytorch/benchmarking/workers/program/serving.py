"""Requests in, replies out, over two pipes that the subject does not know of."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from typing import Any, Callable

from .frames import read_frame, write_frame
from .servant import Servant
from .turns import Turns

__all__ = ["LONGEST_LIFE", "serve", "serve_process"]

LONGEST_LIFE = 6 * 3600  # seconds: even one whose parent was killed while it hung ends some time


def serve_process(requests: int, replies: int, clock: Any, cpu_now_ns: Callable[[], int], make: Any = None) -> None:
    """Serve in a process that does nothing else, until the requests end."""
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, False)  # programs that the subject starts must not hold them open
    _watch_for_hangs()
    turns = Turns(is_guarded=True, on_leaving=lambda: _close(requests, replies))
    serve(requests, replies, Servant(clock, cpu_now_ns, make, turns))


def serve(requests: int, replies: int, servant: Servant) -> None:
    """Answer request after request, until there are no more or `quit` comes."""
    try:
        while (request := read_frame(requests)) is not None and request["command"] != "quit":
            write_frame(replies, _flushed(servant.handle(request)))
    except BrokenPipeError:  # nobody is left to answer to
        return


def _flushed(reply: dict[str, Any]) -> dict[str, Any]:
    """Let what the subject printed out before the answer: it belongs to it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # none, full or closed by the subject
            continue
    return reply


def _watch_for_hangs() -> None:
    """Show where the subject stands when the parent asks, and end by all means some time."""
    try:
        if hasattr(signal, "SIGUSR2"):
            faulthandler.register(signal.SIGUSR2, file=2, all_threads=True)
        faulthandler.dump_traceback_later(LONGEST_LIFE, exit=True, file=2)
    except (OSError, RuntimeError, ValueError):  # without a usable stderr a hang is told without its place
        return


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue
