"""Subjects that behave, and subjects that misbehave in one way each; worker processes import them by name."""

import os
import subprocess
import sys
import time
from itertools import count
from types import SimpleNamespace

import numpy as np

TEN = 10


def adds():
    """A call that behaves."""
    return lambda: 1 + 1


def multiplies(side=8):
    """A small matrix product."""
    matrix = np.ones((side, side), dtype=np.float32)
    return lambda: matrix @ matrix


def pair():
    """A model with its inputs."""
    return (lambda x: x * 2), np.ones(3)


def nothing():
    """Not a workload."""
    return


def needs_arguments():
    """A call that cannot be made without data."""
    return lambda x: x


def fails_to_build():
    """An error in the factory."""
    raise RuntimeError("no weights")


def raises_in_call(number=1000):
    """Right until its call of that number."""
    calls = count(1)

    def call():
        if next(calls) == number:
            raise ZeroDivisionError(f"call {number}")

    return call


def dies(code=7):
    """Takes its process along."""
    return lambda: os._exit(code)


def kills_itself(after=3):
    """Ends by a signal, after some calls."""
    calls = count(1)
    return lambda: os.kill(os.getpid(), 9) if next(calls) > after else None


def hangs():
    """Never comes back."""

    def call():
        while True:
            pass

    return call


def hangs_later(after=2):
    """Comes back twice, then never."""
    calls = count(1)

    def endless():
        while True:
            pass

    return lambda: endless() if next(calls) > after else None


def prints():
    """Writes to both streams, and past Python too."""

    def call():
        sys.stdout.write("hello\n")
        os.write(2, b"raw\n")

    return call


def floods(size=1_000_000):
    """Prints more than a pipe holds."""
    return lambda: sys.stdout.write("x" * size)


def forks():
    """Forks in every call, and lets the child come back."""

    def call():
        os.fork()

    return call


def leaves_children():
    """Starts a process that outlives it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return said([child.pid])


def leaks(size=1_000_000):
    """Keeps memory in every call."""
    kept = []
    return lambda: kept.append(bytearray(size))


def differs():
    """Gives another output in every call."""
    calls = count()
    return lambda: float(next(calls))


def gives_nan():
    """Gives an output that is no number."""
    return lambda: np.array([1.0, np.nan])


def sleeps(seconds=0.05):
    """Takes long."""
    return lambda: time.sleep(seconds)


def exits():
    """Asks its interpreter to end."""
    return lambda: sys.exit(3)


def where():
    """Says where its Python looks for modules, and what it has loaded."""
    return said([*sys.path, "--", *sorted(sys.modules)])


def reports_environment():
    """Says what its environment has of the conditions."""
    names = ("PYTHONHASHSEED", "TINYTORCH_PADDING", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return said([os.environ[name] for name in names])


def said(words):
    """A workload whose predictions are words."""
    return SimpleNamespace(call=lambda: None, predict=lambda: words, labels=[0])


def addresses():
    """Tells where the system has put two of its own objects and a library."""
    return said([id(None), id(str), id(len)])
