"""Holds one subject, and does with it what it is asked: times it, hashes what it gives, weighs it."""

from __future__ import annotations

import gc
import os
import platform
import traceback
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Callable

from .loading import Factory, found
from .memory import peak_of, resident_bytes
from .outputs import described
from .pages import deal_pages
from .turns import Turns, run, run_singly
from .workload import Refusal, Workload, workload_of
from .yardstick import yardstick

__all__ = ["Servant"]

MOST_CALLS = 1 << 22
YARDSTICK_NS = 100_000
CLOCK_READS = 1001
MOST_TO_DEAL = 256 << 20  # bytes: forking more takes longer than some rounds


class Servant:
    """Answers requests about one subject.

    Args:
        clock: What tells the time.
        cpu_now_ns: What tells how long this thread has run.
        make: Makes the subject; none where a request will name a factory to import.
        turns: What loops over calls.
        root: Where the system's own files begin.
    """

    def __init__(
        self,
        clock: Any,
        cpu_now_ns: Callable[[], int],
        make: Factory | None = None,
        turns: Turns | None = None,
        root: str = "/",
    ) -> None:
        self._now = clock.now_ns
        self._cpu_now = cpu_now_ns
        self._make = make
        self._turns = turns or Turns(is_guarded=False)
        self._root = root
        self._workload: Workload | None = None
        self._batches: dict[int, Callable[[], Any]] = {}
        self._yardstick: tuple[str, Callable[[], Any], int] | None = None
        self._contexts = ExitStack()

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request; what the subject raises is the answer too."""
        try:
            reply = getattr(self, "do_" + request["command"])(**request.get("arguments", {}))
        except Refusal as refusal:
            return {"error": {"kind": "refused", "message": str(refusal), "calls": self._turns.made}}
        except KeyboardInterrupt:  # the user's, where the subject lives in the user's process
            raise
        except BaseException as error:  # noqa: BLE001  whatever a subject raises, SystemExit too, is told
            self._turns.settle()
            return {"error": _told(error, self._turns.made)}
        self._turns.settle()
        return reply

    def do_load(self, target: dict[str, Any] | None = None) -> dict[str, Any]:
        """Import the factory, build the subject, make the first two calls, and time each step."""
        start = self._now()
        make = self._make or found(target or {})
        imported = self._now()
        self._workload = workload_of(make(), self._contexts.enter_context)
        built = self._now()
        first, outputs = self._first_calls()
        timings = {"import_ns": imported - start, "build_ns": built - imported, **first}
        return {**timings, "outputs": outputs, "python": platform.python_version(), "resident_bytes": self._resident()}

    def do_calibrate(self, target_ns: int) -> dict[str, Any]:
        """Double the number of calls until two epochs in a row reach the target."""
        calls, epochs = 1, self._epochs(1, 2)
        while min(epochs) < target_ns and calls < MOST_CALLS:
            calls *= 2
            epochs = self._epochs(calls, 2)
        return {"calls": calls, "epoch_ns": epochs}

    def do_warm_up(self, calls: int, epochs: int, limit_ns: int) -> dict[str, Any]:
        """Run epochs until there are enough or the time is up, at least one; give the time of each."""
        end, times = self._now() + limit_ns, self._epochs(calls, 1)
        while len(times) < epochs and self._now() < end:
            times += self._epochs(calls, 1)
        return {"epochs_ns": times}

    def do_epoch(self, calls: int) -> dict[str, Any]:
        """Make one untimed call, then so many timed as one; say what disturbed them."""
        call = self._loaded.call
        run(call, self._turns.of(1), self._now)
        turns = self._turns.of(calls)
        gc.disable()
        try:
            switches, collections, cpu = _switches(), _collections(), self._cpu_now()
            wall = run(call, turns, self._now)
            cpu = self._cpu_now() - cpu
            return {
                "wall_ns": wall,
                "cpu_ns": cpu,
                "switches": _difference(_switches(), switches),
                "collections": _collections() - collections,
            }
        finally:
            gc.enable()

    def do_single(self, calls: int) -> dict[str, Any]:
        """Make one untimed call, then so many, each timed by itself; the clock's own cost is still in."""
        call = self._loaded.call
        run(call, self._turns.of(1), self._now)
        turns = self._turns.of(calls)
        gc.disable()
        try:
            return {"durations_ns": run_singly(call, turns, self._now)}
        finally:
            gc.enable()

    def do_clock(self) -> dict[str, Any]:
        """Say what two adjacent readings of the clock differ by: the part of a single timed call that is the clock."""
        moments = [self._now() for _ in range(CLOCK_READS)]
        differences = sorted(later - earlier for earlier, later in zip(moments, moments[1:]))
        return {"cost_ns": differences[(len(differences) - 1) // 2]}

    def do_yardstick(self) -> dict[str, Any]:
        """Time the yardstick, and say what it is."""
        name, call, calls = self._yardstick or self._new_yardstick()
        wall = run(call, iter([None] * calls), self._now)
        return {"name": name, "wall_ns": wall, "calls": calls}

    def do_batch(self, size: int) -> dict[str, Any]:
        """Let the calls that follow be inferences of so many samples."""
        batch = self._loaded.batch
        if batch is None:
            rule = "the subject must be (model, inputs), inputs of shape (N, ...), or a Workload with batch"
            raise Refusal(f"{rule}; got neither. Return one of these.")
        if size not in self._batches:
            self._batches[size] = batch(size)
        self._workload = replace(self._loaded, call=self._batches[size])
        return {"size": size}

    def do_collect(self) -> dict[str, Any]:
        """Collect garbage, before a session."""
        return {"collected": gc.collect()}

    def do_pin(self, core: int) -> dict[str, Any]:
        """Stay on one core from now on, where the system lets it; say whether it does."""
        try:
            os.sched_setaffinity(0, {core})
        except (AttributeError, OSError):
            return {"pinned": False}
        return {"pinned": True}

    def do_deal(self) -> dict[str, Any]:
        """Let the pages have other places, if they are not too many; say whether they have."""
        held = self._resident()
        if held is None or held > MOST_TO_DEAL:
            return {"dealt": False}
        call = self._loaded.call
        return {"dealt": deal_pages(lambda: run(call, self._turns.of(1), self._now))}

    def do_outputs(self) -> dict[str, Any]:
        """Make a call, and hash what it gives."""
        return described(self._called())

    def do_predictions(self) -> dict[str, Any]:
        """Give what the subject says of its labelled samples, and the labels."""
        workload = self._loaded
        if workload.predict is None or workload.labels is None:
            raise Refusal("the subject must give predict and labels; got neither or one. Return a Workload with both.")
        output = workload.predict()
        return {"scores": _listed(output), "labels": _listed(workload.labels), "outputs": described(output)}

    def do_memory(self) -> dict[str, Any]:
        """Weigh the subject: what it holds, and what a call drives up. Not for a process that also times."""
        return {"resident_bytes": self._resident(), "passes": peak_of(self._called, self._root)}

    def do_weigh(self) -> dict[str, Any]:
        """Weigh the subject's model, as stored and as a file, by the `memory.py` of the floor this program lies in."""
        from runpy import run_path  # costs start-up time, and few ask

        functions = run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "memory.py"))
        return functions["weigh"](self._loaded.model)

    def do_status(self) -> dict[str, Any]:
        """Say how many calls were made, how much memory is held, and how often the process was forked."""
        return {"calls": self._turns.made, "resident_bytes": self._resident(), "forks": self._turns.forks}

    def close(self) -> None:
        """Leave whatever was entered for the subject's sake."""
        self._contexts.close()

    @property
    def _loaded(self) -> Workload:
        if self._workload is None:
            raise Refusal("the subject must be loaded first; got a request without it. Ask for load.")
        return self._workload

    def _first_calls(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        (first, one), (second, other) = self._timed_call(), self._timed_call()
        return {"first_call_ns": first, "second_call_ns": second}, [one, other]

    def _timed_call(self) -> tuple[int, dict[str, Any]]:
        start = self._now()
        output = self._called()
        return self._now() - start, described(output)

    def _called(self) -> Any:
        call = self._loaded.call
        try:
            for _ in self._turns.of(1):
                return call()
        except TypeError as error:
            if _needs_arguments(call):
                remedy = "Return (model, inputs), or a function that calls it with its data."
                rule = "the subject must be a call without arguments"
                raise Refusal(f"{rule}; got one that needs some ({error}). {remedy}") from error
            raise
        finally:
            self._turns.settle()

    def _epochs(self, calls: int, count: int) -> list[int]:
        call = self._loaded.call
        gc.disable()
        try:
            return [run(call, self._turns.of(calls), self._now) for _ in range(count)]
        finally:
            gc.enable()

    def _new_yardstick(self) -> tuple[str, Callable[[], Any], int]:
        name, call = yardstick()
        calls = 1
        while run(call, iter([None] * calls), self._now) < YARDSTICK_NS and calls < MOST_CALLS:
            calls *= 2
        self._yardstick = name, call, calls
        return self._yardstick

    def _resident(self) -> int | None:
        return resident_bytes(self._root)


def _told(error: BaseException, calls: int) -> dict[str, Any]:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"kind": "raised", "message": f"{type(error).__name__}: {error}", "traceback": text, "calls": calls}


def _needs_arguments(call: Callable[[], Any]) -> bool:
    """Tell a call that needs arguments from one that fails inside."""
    import inspect

    try:
        inspect.signature(call).bind()
    except TypeError:
        return True
    except ValueError:  # a function in C that tells nothing of its arguments
        return False
    return False


def _switches() -> int | None:
    try:
        import resource
    except ImportError:  # Windows keeps no such account
        return None
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return resource.getrusage(who).ru_nivcsw


def _collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


def _listed(value: Any) -> Any:
    """Make lists of an array or a tensor, as JSON has them."""
    if callable(getattr(value, "cpu", None)):
        value = value.detach().cpu()
    if not callable(getattr(value, "tolist", None)):
        value = getattr(value, "data", value)
    return value.tolist() if callable(getattr(value, "tolist", None)) else list(value)
