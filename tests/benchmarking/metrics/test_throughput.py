"""Throughput of subjects in fresh processes, with processes that know their answers, and with real ones."""

import json

import pytest

from benchmarking.virtual_workers import Cost, VirtualWorker, World
from tinytorch.benchmarking import case_of
from tinytorch.benchmarking.case import Case
from tinytorch.benchmarking.metrics import throughput
from tinytorch.benchmarking.metrics.throughput import measure_throughput
from tinytorch.benchmarking.scenarios.offline import SIZES
from tinytorch.benchmarking.workers import Failure, FailureKind, WorkerError

MS = 1_000_000


class Batching(VirtualWorker):
    """A worker whose call takes a fixed time, and some for each sample; it may refuse, fail or die at a size."""

    def __init__(self, world, fixed, each, fails_at=None, kind=FailureKind.RAISED):
        super().__init__(world, Cost(fixed), None)
        world.workers.append(self)
        self.fixed, self.each, self.fails_at, self.failure = fixed, each, fails_at, kind

    def do_batch(self, size):
        """Take so many samples from now on."""
        if size == self.fails_at:
            raise WorkerError(Failure(self.failure, "ValueError: one sample only", "batch"))
        self.cost.of_one_call = self.fixed + self.each * size

    def do_calibrate(self, target_ns):
        """Double the calls until they last long enough."""
        calls = 1
        while calls * self.cost.of_one_call < target_ns:
            calls *= 2
        return {"calls": calls, "epoch_ns": []}


def found(clock, **worker):
    """Measure such workers, and see to it that none is left."""
    world = World(clock)
    finding = measure_throughput(Case(start=lambda: Batching(world, **worker), clock=clock))
    assert all(one.closed for one in world.workers)
    return finding, world.workers


def test_the_best_size_is_the_throughput_and_every_size_a_part(clock):
    """A call of 1 ms, and 0.1 ms a sample: 256 samples in 26.6 ms."""
    finding, workers = found(clock, fixed=MS, each=MS // 10)
    assert finding.estimate.value == pytest.approx(256 / 26.6e-3)
    assert {name: part.value for name, part in finding.parts.items()} == pytest.approx(
        {f"batch_{size}": size / (1e-3 + 1e-4 * size) for size in SIZES}
    )
    assert len(workers) == 1 + throughput.PROCESSES


def test_the_sizes_take_turns_in_both_directions(clock):
    """A steady drift of the machine meets all of them alike; forty means of batches are more than twenty."""
    world = World(clock, lambda now: 1 + now / 1e10)
    slow = measure_throughput(Case(start=lambda: Batching(world, fixed=MS, each=0), clock=clock))
    rates = {part.value * 256 / size for size, part in zip(SIZES, slow.parts.values(), strict=True)}
    assert max(rates) == pytest.approx(min(rates), rel=0.02)
    assert throughput.PROCESSES * throughput.EPOCHS >= 20


def test_the_interval_holds_the_luck_of_processes(clock):
    """Five that differ bound it less than five that do not."""
    world, costs = World(clock), iter([10, 8, 9, 10, 11, 12])
    apart = measure_throughput(Case(start=lambda: Batching(world, fixed=next(costs) * MS, each=0), clock=clock))
    alike, _ = found(clock, fixed=10 * MS, each=0)
    assert (alike.estimate.low, alike.estimate.high) == pytest.approx((alike.estimate.value,) * 2)
    assert apart.estimate.high / apart.estimate.low > 1.3


def test_raw_samples_are_kept_in_terms_of_json(clock):
    """Each size's epochs in each process."""
    raw = json.loads(json.dumps(found(clock, fixed=MS, each=0)[0].raw))
    assert [[len(sweep["epochs_ns"]) for sweep in process] for process in raw["processes"]] == [[8] * 5] * 5
    assert raw["left_out"] == {}


@pytest.mark.parametrize(
    ("worker", "sizes", "reason"),
    [
        ({"fixed": MS, "each": 0, "fails_at": 16}, ["batch_1", "batch_4"], "one sample only"),
        ({"fixed": MS, "each": 5 * MS}, ["batch_1", "batch_4", "batch_16"], "a batch of 64 takes 0.32 s"),
    ],
)
def test_a_size_that_cannot_be_had_is_left_out_and_named(clock, worker, sizes, reason):
    """And all larger ones."""
    finding, _ = found(clock, **worker)
    assert list(finding.parts) == sizes
    assert reason in next(iter(finding.raw["left_out"].values()))


def test_a_model_that_takes_no_batch_has_no_throughput_and_a_reason(clock):
    """Not even a single sample could be asked for."""
    finding, _ = found(clock, fixed=MS, each=0, fails_at=1, kind=FailureKind.REFUSED)
    assert (finding.is_measured, finding.reason) == (False, "at a batch of 1: ValueError: one sample only")


def test_a_worker_that_dies_is_no_reason_but_an_error(clock):
    """What died may die again at any size."""
    with pytest.raises(WorkerError, match="one sample only"):
        found(clock, fixed=MS, each=0, fails_at=4, kind=FailureKind.DIED)


def test_a_single_sample_may_take_its_time(clock):
    """It is the least that can be asked for."""
    finding, _ = found(clock, fixed=2000 * MS, each=0)
    assert finding.estimate.value == pytest.approx(0.5)


def test_a_live_model_is_measured_in_processes_of_its_own():
    """Model and inputs say what a sample is; four samples make a batch of 256, again and again."""
    finding = measure_throughput(case_of("contracts.process_samples:make_classifier"))
    assert list(finding.parts) == [f"batch_{size}" for size in SIZES]
    assert finding.parts["batch_256"].value > finding.parts["batch_1"].value


def test_a_bare_call_has_no_batch_and_says_what_it_takes():
    """Nobody knows what a sample of it is."""
    finding = measure_throughput(case_of("contracts.process_samples:make_call"))
    assert "(model, inputs)" in finding.reason
