"""Worker processes that exist on paper: each epoch lasts what a formula says, on one virtual clock for all of them."""

from __future__ import annotations

from tinytorch.benchmarking import Hooks, MachineCounters
from tinytorch.benchmarking.workers import Departure, Failure, FailureKind, WorkerError, WorkerKind

CLOCK_COST = 60
STILL = MachineCounters(0.0, 0, 0.0, 0, 0, 0, 0.0, 0, 0.0)


class World:
    """A machine on which nothing happens by chance.

    Args:
        clock: The virtual clock that all share.
        speed: Gives, at an instant in nanoseconds, how many times slower than usual the machine is.

    Attributes:
        interrupts_at: The request at which the user presses Ctrl-C: its command, the worker, counted from 1, and which
            such request of that worker, counted from 1 too; none for never.
    """

    def __init__(self, clock, speed=lambda _: 1.0):
        self.clock = clock
        self.speed = speed
        self.workers = []
        self.interrupts_at = None

    def hooks(self, **others):
        """Give the hooks of a comparison in this world; a live subject is its cost of a call, in nanoseconds."""
        own = {"launch": self.launch, "clock": self.clock, "counters": lambda: STILL, "steal": lambda: 0.0}
        return Hooks(**own | {"cores": lambda: [0]} | others)

    def launch(self, subject, conditions):
        """Start a worker on paper."""
        made = VirtualWorker(self, subject.live, conditions)
        self.workers.append(made)
        return made


class VirtualWorker:
    """Answers as a worker would, and lets the world's time pass."""

    kind = WorkerKind.PROCESS

    def __init__(self, world, cost, conditions):
        self.world = world
        self.cost = cost
        self.conditions = conditions
        self.asked = []
        self.closed = False
        self.questions = []
        self.number = len(world.workers) + 1

    def send(self, command, **arguments):
        self.questions.append((command, arguments))

    def receive(self, seconds):
        command, arguments = self.questions.pop(0)
        assert seconds > 0
        self.asked.append(command)
        if (command, self.number, self.asked.count(command)) == self.world.interrupts_at:
            raise KeyboardInterrupt
        return getattr(self, f"do_{command}", lambda **_: {})(**arguments)

    def ask(self, command, seconds, **arguments):
        self.send(command, **arguments)
        return self.receive(seconds)

    def close(self):
        self.closed = True
        return Departure()

    def do_load(self, target=None):
        times = {"import_ns": 1, "build_ns": 2, "first_call_ns": 3, "second_call_ns": 4}
        return {**times, "outputs": [self.do_outputs()] * 2, "python": "3.11.0", "resident_bytes": 1000}

    def do_epoch(self, calls):
        self.cost.count_epoch()
        self._lasting(self.cost.of_one_call)  # the untimed call after a switch
        wall = self._lasting(calls * self.cost.of_one_call)
        return {"wall_ns": wall, "cpu_ns": wall, "switches": 0, "collections": 0}

    def do_single(self, calls):
        self._lasting(self.cost.of_one_call)
        self.cost.count_epoch()
        return {"durations_ns": [CLOCK_COST + self._lasting(self.cost.of_one_call) for _ in range(calls)]}

    def do_clock(self):
        return {"cost_ns": CLOCK_COST}

    def do_pin(self, core):
        return {"pinned": core >= 0}

    def do_deal(self):
        return {"dealt": True}

    def do_yardstick(self):
        return {"name": "constant work", "wall_ns": self._lasting(2000), "calls": 1}

    def do_warm_up(self, calls, epochs, limit_ns):
        times, end = [self._lasting(calls * self.cost.of_one_call)], self.world.clock.now_ns() + limit_ns
        while len(times) < epochs and self.world.clock.now_ns() < end:
            times.append(self._lasting(calls * self.cost.of_one_call))
        return {"epochs_ns": times}

    def do_outputs(self):
        return {"digest": self.cost.output, "nan": False, "reason": None}

    def _lasting(self, nanoseconds):
        lasted = round(nanoseconds * self.world.speed(self.world.clock.now_ns()))
        self.world.clock.pass_time(lasted)
        return lasted


class Cost:
    """A live subject of a virtual world: what a call costs, and at which epoch it fails, if at any."""

    def __init__(self, of_one_call, output="same", fails_at=None, *, always_fails=False):
        self.of_one_call = of_one_call
        self.output = output
        self.fails_at = fails_at
        self.always_fails = always_fails
        self.epochs = 0

    def __call__(self):
        """Stand for the call that is never made."""

    def count_epoch(self):
        """Fail where it is to."""
        self.epochs += 1
        if self.always_fails or self.epochs == self.fails_at:
            raise WorkerError(Failure(FailureKind.DIED, "its process was ended by SIGKILL", "epoch"))
